// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What is made uniform in every message that leaves, because the next parser may read it in another way.
extension MessageEdits {
    /// Spells the version `SIP/2.0` (MSG-04) and puts one space for every fold (MSG-13, RFC 3261 section 7.3.1).
    mutating func normalise(_ message: SIPMessage) {
        if let odd = message.oddVersion {
            splice(at: odd.start, removing: odd.count) { $0.writeStaticString("SIP/2.0") }
        }
        guard message.isFolded else { return }
        message.withBytes { bytes in
            for field in message.headers { unfold(bytes, field.line) }
        }
    }

    private mutating func unfold(_ bytes: Bytes, _ line: ByteRange) {
        let end = line.end &- 2
        var position = line.start
        while let feed = bytes.find(0x0A, from: position, to: end) {
            let stop = bytes.skipBlanks(from: feed, to: end)
            let start = bytes.trimBlanks(from: line.start, to: feed)
            splice(at: start, removing: stop &- start) { $0.writeInteger(UInt8(0x20)) }
            position = stop
        }
    }
}
