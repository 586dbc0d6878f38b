// SPDX-License-Identifier: Apache-2.0

import NIOCore
import ProxyProtocol
import SIPMessage
import TestSupport
import Testing

@Suite("PROXY protocol headers")
struct ProxyHeaderTests {
    private static let both = Set(ProxyProtocolVersion.allCases)
    private static let signature = "0d0a0d0a000d0a515549540a"
    private static let four = signature + "2111000c" + "cb007107" + "c633640a" + "c738" + "13c5"
    private static let six =
        signature + "21210024" + "20010db8000000000000000000000007" + "20010db8000100000000000000000010" + "c738"
        + "13c5"
    private static let local = signature + "20000000"
    private static let checked =
        signature + "21110025" + "cb007107" + "c633640a" + "c738" + "13c5"
        + "02000f7369702e6578616d706c652e636f6d" + "030004aad1bdd9"
    private static let client = ProxyHeader.Source(address: .v4(0xCB00_7107), port: 51000)

    private static func bytes(_ hex: String) -> ByteBuffer {
        let digits = hex.utf8.map { UInt8(String(UnicodeScalar($0)), radix: 16) ?? 0 }
        return ByteBuffer(bytes: stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }

    private static func read(_ hex: String) -> ProxyHeaderReader.Outcome { ProxyHeaderReader.read(bytes(hex), both) }

    private static func read(text: String) -> ProxyHeaderReader.Outcome {
        ProxyHeaderReader.read(ByteBuffer(string: text), both)
    }

    @Test("TRN-65, V-PP-01, V-PP-02: the source of a connection over IPv4 and IPv6")
    func sources() {
        #expect(Self.read(Self.four) == .header(.init(source: Self.client, length: 28)))
        let six = ProxyHeader.Source(address: .v6(high: 0x2001_0DB8_0000_0000, low: 7), port: 51000)
        #expect(Self.read(Self.six) == .header(.init(source: six, length: 52)))
        #expect(Self.read(Self.four + "160301") == .header(.init(source: Self.client, length: 28)))
    }

    @Test("TRN-66, V-PP-03: LOCAL and an unspecified family name nobody, whatever else they hold")
    func nobody() {
        #expect(Self.read(Self.local) == .header(.init(source: nil, length: 16)))
        let junk = String(repeating: "ff", count: 12)
        #expect(Self.read(Self.signature + "2000000c" + junk) == .header(.init(source: nil, length: 28)))
        #expect(Self.read(Self.signature + "2011000c" + junk) == .header(.init(source: nil, length: 28)))
        #expect(Self.read(Self.signature + "21000000") == .header(.init(source: nil, length: 16)))
    }

    @Test("TRN-67, V-PP-04: a checksum holds, and no flipped bit passes")
    func checksum() {
        let whole = Self.bytes(Self.checked)
        #expect(ProxyHeaderReader.read(whole, Self.both) == .header(.init(source: Self.client, length: 53)))
        for bit in 0..<(whole.readableBytes * 8) {
            var flipped = whole
            let byte = flipped.getInteger(at: bit / 8, as: UInt8.self) ?? 0
            flipped.setInteger(byte ^ 1 << (bit % 8), at: bit / 8)
            switch ProxyHeaderReader.read(flipped, Self.both) {
            case .invalid: continue
            // More is awaited by a longer length, and never comes.
            case .needMore: #expect((14..<16).contains(bit / 8))
            // LOCAL says nothing that could be wrong, and a checksum of another type is none.
            case .header(let header):
                #expect(header.source == nil ? bit == 12 * 8 : bit / 8 == 46, "bit \(bit)")
            }
        }
    }

    @Test(
        "TRN-65, TRN-67, V-PP-05: what is no header is refused",
        arguments: [
            ("1111000c" + "cb007107c633640ac73813c5", .version),
            ("2211000c" + "cb007107c633640ac73813c5", .command),
            ("2141000c" + "cb007107c633640ac73813c5", .family),
            ("2112000c" + "cb007107c633640ac73813c5", .family),
            ("2131000c" + "cb007107c633640ac73813c5", .family),
            ("2111000b" + "cb007107c633640ac73813", .length),
            ("2111000f" + "cb007107c633640ac73813c5" + "020001", .field),
            ("2111000e" + "cb007107c633640ac73813c5" + "0200", .field),
            ("21110010" + "cb007107c633640ac73813c5" + "03000101", .field),
            ("2111000c" + "e0000001c633640ac73813c5", .address),
            ("21111000", .length),
        ] as [(String, ProxyHeaderFault)]
    )
    func refused(rest: String, fault: ProxyHeaderFault) {
        #expect(Self.read(Self.signature + rest) == .invalid(fault))
    }

    @Test("TRN-67: fields of no known type, and those that fill, are passed over")
    func fields() {
        let fields = "04000100" + "ee0003616263"
        #expect(
            Self.read(Self.signature + "21110016" + "cb007107c633640ac73813c5" + fields)
                == .header(
                    .init(source: Self.client, length: 38)
                )
        )
    }

    @Test("TRN-65: a header in pieces is awaited, cut at any byte", arguments: [four, six, local, checked])
    func pieces(hex: String) {
        let whole = Self.bytes(hex)
        for count in 0..<whole.readableBytes {
            let part = whole.getSlice(at: 0, length: count) ?? ByteBuffer()
            #expect(ProxyHeaderReader.read(part, Self.both) == .needMore, "\(count) bytes")
        }
    }

    @Test("A line of version 1 names the source, or nobody")
    func lines() {
        let line = "PROXY TCP4 203.0.113.7 198.51.100.10 51000 5061\r\n"
        #expect(Self.read(text: line + "rest") == .header(.init(source: Self.client, length: line.utf8.count)))
        let six = "PROXY TCP6 2001:db8::7 2001:db8:1::10 51000 5061\r\n"
        let source = ProxyHeader.Source(address: .v6(high: 0x2001_0DB8_0000_0000, low: 7), port: 51000)
        #expect(Self.read(text: six) == .header(.init(source: source, length: six.utf8.count)))
        #expect(Self.read(text: "PROXY UNKNOWN\r\n") == .header(.init(source: nil, length: 15)))
        #expect(Self.read(text: "PROXY UNKNOWN ffff::1 ::2 1 2\r\n") == .header(.init(source: nil, length: 31)))
        for count in 0..<line.utf8.count {
            #expect(ProxyHeaderReader.read(ByteBuffer(bytes: line.utf8.prefix(count)), Self.both) == .needMore)
        }
    }

    @Test(
        "What is no such line is refused",
        arguments: [
            ("GET / HTTP/1.1\r\n", .signature), ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", .signature),
            ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", .family), ("PROXY TCP4 ::1 ::2 1 2\r\n", .address),
            ("PROXY TCP6 [::1] ::2 1 2\r\n", .address), ("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", .address),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", .address), ("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n", .address),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", .address), ("PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n", .address),
            ("PROXY " + String(repeating: "A", count: 101), .length), ("PROXZ", .signature),
        ] as [(String, ProxyHeaderFault)]
    )
    func refusedLines(text: String, fault: ProxyHeaderFault) {
        #expect(Self.read(text: text) == .invalid(fault))
    }

    @Test("TRN-71: a version that is not accepted is refused with its first byte")
    func versions() {
        #expect(ProxyHeaderReader.read(ByteBuffer(string: "P"), [.v2]) == .invalid(.signature))
        #expect(ProxyHeaderReader.read(Self.bytes(Self.four), [.v1]) == .invalid(.signature))
        #expect(ProxyHeaderReader.read(ByteBuffer(string: "P"), Self.both) == .needMore)
    }

    @Test("TRN-70, V-PP-03: what is sent to backends says LOCAL")
    func written() {
        var bytes = ByteBuffer()
        ProxyHeaderWriter.local(into: &bytes)
        #expect(bytes == Self.bytes(Self.local))
    }

    @Test("Random and damaged bytes are read to an end, and nothing beyond a header is taken")
    func random() {
        var generator = SeededGenerator(seed: 64)
        for _ in 0..<20_000 {
            var bytes = Self.bytes([Self.four, Self.six, Self.checked].randomElement(using: &generator) ?? Self.four)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.readableBytes, using: &generator)
                bytes.setInteger(UInt8.random(in: 0...255, using: &generator), at: place)
            }
            guard case .header(let header) = ProxyHeaderReader.read(bytes, Self.both) else { continue }
            #expect(header.length <= bytes.readableBytes && header.length >= 16)
        }
    }
}
