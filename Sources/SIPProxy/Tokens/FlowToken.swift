// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// A flow token (RFC 5626 section 5.2, FLW-11): it names exactly one flow of this process and cannot be forged.
///
/// Body: version, key id, transport, listener, the flow's number in eight octets, remote address and port; then the
/// first 16 octets of HMAC-SHA-256 over the body; all in base64url without padding.
package struct FlowToken: Sendable, Hashable {
    package let flow: FlowID
    package let transport: SIPTransport
    package let listener: ListenerID
    package let address: IPAddress
    package let port: UInt16

    package init(flow: FlowID, transport: SIPTransport, listener: ListenerID, address: IPAddress, port: UInt16) {
        self.flow = flow
        self.transport = transport
        self.listener = listener
        self.address = address
        self.port = port
    }

    /// What a text turned out to be.
    package enum Verdict: Sendable, Hashable {
        case valid(FlowToken)
        /// It has the length of a token, and its MAC is wrong, its key unknown or its form none of ours (FLW-15, FLW-16).
        case forged
        /// It is something else.
        case notAToken
    }

    /// The token's text under the current key; empty when there is no such key.
    package func sealed(by authenticator: TokenAuthenticator) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(UInt8(1))
        body.writeInteger(authenticator.currentKeyID)
        body.writeInteger(transport.rawValue)
        body.writeInteger(listener.index)
        body.writeInteger(flow.rawValue)
        switch address {
        case .v4(let value): body.writeInteger(value)
        case .v6(let high, let low): body.writeMultipleIntegers(high, low)
        }
        body.writeInteger(port)
        let mac = body.withUnsafeReadableBytes { authenticator.mac(authenticator.currentKeyID, $0) }
        guard let mac else { return ByteBuffer() }
        body.writeMultipleIntegers(mac.0, mac.1)
        return Base64URL.encode(body)
    }

    /// Checks the text in `range`.
    package static func open(_ bytes: ByteBuffer, _ range: ByteRange, by authenticator: TokenAuthenticator) -> Verdict {
        // A user part of this length on a name of ours is a token or an attempt at one.
        guard range.count == 46 || range.count == 62 else { return .notAToken }
        guard let raw = Base64URL.decode(bytes.slice(range)) else { return .forged }
        var body = raw
        guard let version: UInt8 = body.readInteger(), version == 1, let key: UInt8 = body.readInteger(),
            let transportCode: UInt8 = body.readInteger(), let transport = SIPTransport(rawValue: transportCode),
            let listener: UInt8 = body.readInteger(), let flow: UInt64 = body.readInteger(),
            let address = readAddress(&body), let port: UInt16 = body.readInteger(),
            let first: UInt64 = body.readInteger(), let second: UInt64 = body.readInteger()
        else { return .forged }
        let mac = raw.withUnsafeReadableBytes {
            authenticator.mac(key, UnsafeRawBufferPointer(rebasing: $0.dropLast(16)))
        }
        // One comparison of all bits, whatever the first difference is.
        guard let mac, (mac.0 ^ first) | (mac.1 ^ second) == 0 else { return .forged }
        return .valid(
            FlowToken(
                flow: FlowID(rawValue: flow),
                transport: transport,
                listener: ListenerID(index: listener),
                address: address,
                port: port
            )
        )
    }

    private static func readAddress(_ body: inout ByteBuffer) -> IPAddress? {
        // What is left holds the address, the port and sixteen octets of MAC.
        if body.readableBytes == 22 { return body.readInteger().map { IPAddress.v4($0) } }
        guard body.readableBytes == 34, let high: UInt64 = body.readInteger(), let low: UInt64 = body.readInteger()
        else {
            return nil
        }
        return .v6(high: high, low: low)
    }
}
