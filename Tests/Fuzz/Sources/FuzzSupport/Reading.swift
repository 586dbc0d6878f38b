// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

extension ByteBuffer {
    /// A number that depends on every byte, so that an input always takes the same way.
    package var seed: UInt64 {
        var sum = CRC32C()
        sum.update(self, ByteRange(0, readableBytes))
        return UInt64(sum.value)
    }

    /// The bytes of a range.
    package func bytes(_ range: ByteRange) -> [UInt8] { Array(slice(range).readableBytesView) }

    /// Whether every CR and every LF of the part before `end` stands in a CRLF.
    package func hasSoundLineEnds(before end: Int) -> Bool {
        let bytes = Array(readableBytesView.prefix(end))
        for (index, byte) in bytes.enumerated() {
            if byte == 0x0D, index + 1 >= bytes.count || bytes[index + 1] != 0x0A { return false }
            if byte == 0x0A, index == 0 || bytes[index - 1] != 0x0D { return false }
        }
        return true
    }

    /// The message in it; nil when there is none.
    package func parsed(
        _ framing: MessageParser.Framing,
        limits: MessageLimits = MessageLimits()
    ) -> SIPMessage? {
        guard case .message(let message) = MessageParser.parse(self, framing: framing, limits: limits) else {
            return nil
        }
        return message
    }
}

extension HeaderName {
    /// Every name.
    package static var everyName: [HeaderName] {
        (0...HeaderName.other.rawValue).compactMap(HeaderName.init(rawValue:))
    }
}

extension ByteRange {
    /// Whether the range lies in another one.
    package func lies(in other: ByteRange) -> Bool { start >= other.start && end <= other.end }
}
