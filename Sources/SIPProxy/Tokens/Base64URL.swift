// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Base64 with the URL alphabet and without padding (RFC 4648 section 5): every character may stand in a SIP user part.
enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: ByteBuffer) -> ByteBuffer {
        var output = ByteBuffer()
        output.reserveCapacity(bytes.readableBytes * 4 / 3 + 3)
        var bits: UInt32 = 0
        var held = 0
        for byte in bytes.readableBytesView {
            bits = bits << 8 | UInt32(byte)
            held += 8
            while held >= 6 {
                held -= 6
                output.writeInteger(alphabet[Int(bits >> UInt32(held) & 63)])
            }
        }
        if held > 0 { output.writeInteger(alphabet[Int(bits << UInt32(6 - held) & 63)]) }
        return output
    }

    /// The bytes that a text stands for; nil for a character outside the alphabet, and for a text that `encode` would
    /// write otherwise.
    static func decode(_ text: ByteBuffer) -> ByteBuffer? {
        var output = ByteBuffer()
        output.reserveCapacity(text.readableBytes)
        var bits: UInt32 = 0
        var held = 0
        for character in text.readableBytesView {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                output.writeInteger(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        guard bits & (1 << UInt32(held) &- 1) == 0 else { return nil }
        return output
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character &- 0x41)
        case 0x61...0x7A: UInt32(character &- 0x61 &+ 26)
        case 0x30...0x39: UInt32(character &- 0x30 &+ 52)
        case 0x2D: 62
        case 0x5F: 63
        default: nil
        }
    }
}
