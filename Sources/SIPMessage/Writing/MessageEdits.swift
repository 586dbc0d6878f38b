// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Changes to a received message, as splices over its bytes (design decision 5: forwarding is an edit).
///
/// One value is reused for message after message: `reset` keeps its storage. Edits always speak of the message as
/// received, so that each branch of a request starts from the same bytes (PRX-28). What no splice touches is copied
/// as it stands.
package struct MessageEdits: Sendable {
    private struct Splice {
        var at: Int
        var removed: Int
        var textStart: Int
        var textLength: Int
    }

    private var splices: [Splice] = []
    private var text = ByteBuffer()
    /// Bytes that the edited message has more than the received one; negative when fewer.
    package private(set) var growth = 0

    package init() {
        splices.reserveCapacity(16)
        text.reserveCapacity(1024)
    }

    /// Forgets all edits.
    package mutating func reset() {
        splices.removeAll(keepingCapacity: true)
        text.clear()
        growth = 0
    }

    /// Replaces `removed` bytes at `at` with what `write` appends.
    ///
    /// Several insertions at one place keep their order.
    @inline(__always)
    package mutating func splice(at: Int, removing removed: Int = 0, _ write: (inout ByteBuffer) -> Void) {
        let start = text.writerIndex
        write(&text)
        let length = text.writerIndex - start
        splices.append(Splice(at: at, removed: removed, textStart: start, textLength: length))
        growth += length - removed
    }

    /// Removes a range.
    package mutating func remove(_ range: ByteRange) {
        splices.append(Splice(at: range.start, removed: range.count, textStart: 0, textLength: 0))
        growth -= range.count
    }

    /// Appends the edited message to `output`.
    package mutating func apply(to message: SIPMessage, into output: inout ByteBuffer) {
        sortSplices()
        let source = message.bytes
        output.reserveCapacity(minimumWritableBytes: max(0, source.readableBytes + growth))
        source.withUnsafeReadableBytes { raw in
            text.withUnsafeReadableBytes { added in
                var position = 0
                for splice in splices where splice.at >= position && splice.at + splice.removed <= raw.count {
                    output.writeBytes(UnsafeRawBufferPointer(rebasing: raw[position..<splice.at]))
                    let stop = splice.textStart + splice.textLength
                    output.writeBytes(UnsafeRawBufferPointer(rebasing: added[splice.textStart..<stop]))
                    position = splice.at + splice.removed
                }
                output.writeBytes(UnsafeRawBufferPointer(rebasing: raw[position...]))
            }
        }
    }

    /// Insertion sort by place: the list is short and almost in order, and equal places must keep their order.
    private mutating func sortSplices() {
        guard splices.count > 1 else { return }
        for index in 1..<splices.count {
            var place = index
            while place > 0, splices[place].at < splices[place - 1].at {
                splices.swapAt(place, place - 1)
                place -= 1
            }
        }
    }
}
