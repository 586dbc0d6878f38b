// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Numbers, checksums and parts of buffers")
struct TextTests {
    @Test("Decimal digits, at every power of ten")
    func decimals() {
        var values: [UInt64] = [0, .max, .max - 1]
        var power: UInt64 = 1
        for _ in 0..<19 {
            values += [power, power - 1, power + 1]
            power &*= 10
        }
        for value in values + [power, power - 1] {
            var buffer = ByteBuffer()
            buffer.writeDecimal(value)
            #expect(String(buffer: buffer) == "\(value)")
        }
    }

    @Test("Hexadecimal digits, the lowest ones, in lower case")
    func hexadecimals() {
        for (value, digits, text) in [
            (UInt64(0xABCD), 4, "abcd"), (0xABCD, 2, "cd"), (0, 3, "000"), (.max, 16, "ffffffffffffffff"),
            (1, 99, "0000000000000001"),
            (1, -1, ""), (0x0123_4567_89AB_CDEF, 16, "0123456789abcdef"),
        ] {
            var buffer = ByteBuffer()
            buffer.writeHexadecimal(value, digits: digits)
            #expect(String(buffer: buffer) == text)
        }
    }

    @Test("PRX-42: CRC-32C gives its check value and the example's, in one piece or several")
    func checksum() {
        func sum(_ text: String) -> UInt32 {
            let bytes = ByteBuffer(string: text)
            var whole = CRC32C()
            whole.update(bytes, ByteRange(0, bytes.readableBytes))
            var single = CRC32C()
            for byte in bytes.readableBytesView { single.update(byte) }
            #expect(whole.value == single.value)
            return whole.value
        }
        #expect(sum("123456789") == 0xE306_9283)
        #expect(sum("sip:bob@example.com|<sip:edge.example.net;lr>|a84b4c76e66710|314159") == 0x6033_94AA)
        #expect(sum("") == 0)
        var outside = CRC32C()
        outside.update(ByteBuffer(string: "abc"), ByteRange(1, 4))
        #expect(outside.value == 0)
    }

    @Test("Parts of two buffers are equal by their bytes, and none reaches beyond its buffer")
    func parts() {
        let left = ByteBuffer(string: "xabc")
        var right = ByteBuffer(string: "..abcd")
        right.moveReaderIndex(forwardBy: 2)
        #expect(left.equals(ByteRange(1, 4), right, ByteRange(0, 3)))
        #expect(!left.equals(ByteRange(1, 4), right, ByteRange(1, 4)))
        #expect(!left.equals(ByteRange(1, 4), right, ByteRange(0, 4)))
        #expect(!left.equals(ByteRange(2, 5), right, ByteRange(2, 5)))
        #expect(left.slice(ByteRange(3, 9)).readableBytes == 0)
        #expect(left.text(ByteRange(3, 9)).isEmpty)
        var output = ByteBuffer()
        output.append(ByteRange(0, 3), of: right)
        output.append(ByteRange(2, 9), of: right)
        #expect(String(buffer: output) == "abc")
    }

    @Test("Transports by their words and Via tokens")
    func transports() {
        for transport in SIPTransport.allCases {
            #expect(SIPTransport(name: transport.viaToken) == transport)
            #expect(SIPTransport(name: transport.name) == transport)
        }
        #expect(SIPTransport(name: "sctp") == nil)
        #expect(SIPTransport.tls.defaultPort == 5_061)
        #expect(SIPTransport.udp < .tcp && SIPTransport.tcp < .tls)
    }
}
