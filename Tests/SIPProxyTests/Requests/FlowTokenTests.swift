// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Flow tokens")
struct FlowTokenTests {
    private static let body: [UInt8] = [
        0x01, 0x01, 0x03, 0x02, 0x00, 0x00, 0x01, 0x8F, 0x00, 0x00, 0x00, 0x42, 0xCB, 0x00, 0x71, 0x07, 0xC7, 0x38,
    ]

    @Test("V-FLW-03: body and text are the worked ones, for the MAC that HMAC-SHA-256 gives of that body")
    func worked() {
        let worked = TokenAuthenticator(currentKeyID: 1) { key, bytes in
            key == 1 && bytes.elementsEqual(Self.body) ? (0x1241_1FF4_1121_65D3, 0x9F59_5FBB_22F6_8005) : nil
        }
        let token = FlowToken(
            flow: FlowID(rawValue: 0x0000_018F_0000_0042),
            transport: .tls,
            listener: ListenerID(index: 2),
            address: .v4(0xCB00_7107),
            port: 51000
        )
        let text = token.sealed(by: worked)
        #expect(String(buffer: text) == "AQEDAgAAAY8AAABCywBxB8c4EkEf9BEhZdOfWV-7IvaABQ")
        #expect(FlowToken.open(text, ByteRange(0, 46), by: worked) == .valid(token))
    }

    @Test("FLW-11: tokens come back as they were, of both families", arguments: ["203.0.113.7", "2001:db8::7"])
    func roundTrip(address: String) throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<100 {
            let token = FlowToken(
                flow: FlowID(rawValue: generator.next()),
                transport: [.udp, .tcp, .tls].randomElement(using: &generator) ?? .tls,
                listener: ListenerID(index: UInt8.random(in: 0...255, using: &generator)),
                address: try #require(IPAddress(parsing: address)),
                port: UInt16.random(in: 0...65535, using: &generator)
            )
            let text = token.sealed(by: .sample)
            #expect(FlowToken.open(text, ByteRange(0, text.readableBytes), by: .sample) == .valid(token))
        }
    }

    @Test("FLW-11: another serial under the same addresses is another token")
    func serials() {
        let tokens = [0x42, 0x43].map { serial in
            FlowToken(
                flow: FlowID(worker: 0, serial: serial),
                transport: .tls,
                listener: ListenerID(index: 2),
                address: .v4(0xCB00_7107),
                port: 51000
            ).sealed(by: .sample)
        }
        #expect(tokens[0] != tokens[1])
    }

    @Test("FLW-16: a token of another key that is known still opens, and of one that is not is refused")
    func keys() {
        let token = FlowToken(
            flow: FlowID(rawValue: 1),
            transport: .tls,
            listener: ListenerID(index: 0),
            address: .v4(1),
            port: 1
        )
        func text(_ key: UInt8) -> ByteBuffer {
            token.sealed(
                by: TokenAuthenticator(currentKeyID: key) { TokenAuthenticator.sample.mac($0 == 9 ? 1 : $0, $1) }
            )
        }
        #expect(FlowToken.open(text(2), ByteRange(0, 46), by: .sample) == .valid(token))
        #expect(FlowToken.open(text(9), ByteRange(0, 46), by: .sample) == .forged)
    }

    @Test(
        "FLW-26: whom a certificate proves comes back with the token, under the key that it was made by, and under no other"
    )
    func identities() throws {
        for (address, length) in [("203.0.113.7", 56), ("2001:db8::7", 72)] {
            let names = ["a.example", "b.example"]
            let identity = try #require(FlowToken.Identity(of: names, keyID: 1, by: .sample))
            #expect(identity != FlowToken.Identity(of: ["a.example"], keyID: 1, by: .sample))
            #expect(identity != FlowToken.Identity(of: names, keyID: 2, by: .sample))
            let token = FlowToken(
                flow: FlowID(rawValue: 7),
                transport: .tls,
                listener: ListenerID(index: 3),
                address: try #require(IPAddress(parsing: address)),
                port: 5061,
                identity: identity
            )
            let text = token.sealed(by: .sample)
            #expect(text.readableBytes == length)
            #expect(FlowToken.open(text, ByteRange(0, length), by: .sample) == .valid(token))
            let newer = TokenAuthenticator(currentKeyID: 2) { TokenAuthenticator.sample.mac($0, $1) }
            let again = token.sealed(by: newer)
            guard case .valid(let bare) = FlowToken.open(again, ByteRange(0, again.readableBytes), by: newer) else {
                Issue.record("it opens under the newer key")
                continue
            }
            #expect(bare.identity == nil && bare.flow == token.flow && again.readableBytes < length)
        }
        #expect(FlowToken.Identity(of: [], keyID: 1, by: .sample) == nil)
    }

    @Test("FLW-15: every bit counts, and nothing traps")
    func flips() {
        let token = FlowToken(
            flow: FlowID(rawValue: 77),
            transport: .tls,
            listener: ListenerID(index: 0),
            address: .v4(1),
            port: 1
        )
        let text = token.sealed(by: .sample)
        for place in 0..<text.readableBytes {
            for bit in 0..<8 {
                var changed = text
                let byte = changed.getInteger(at: place, as: UInt8.self) ?? 0
                changed.setInteger(byte ^ (1 << UInt8(bit)), at: place)
                // The last character has four bits beyond the last octet; they count too.
                #expect(FlowToken.open(changed, ByteRange(0, 46), by: .sample) == .forged)
            }
        }
        for length in 0..<70 {
            let short = ByteBuffer(repeating: 0x41, count: length)
            #expect(FlowToken.open(short, ByteRange(0, length), by: .sample) != .valid(token))
        }
    }
}
