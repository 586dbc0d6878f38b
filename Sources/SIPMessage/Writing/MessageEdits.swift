// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import NIOCore

/// Changes to a received message, as splices over its bytes (design decision 5: forwarding is an edit).
///
/// One value is reused for message after message: `reset` keeps its storage. Edits always speak of the message as
/// received, so that each branch of a request starts from the same bytes (PRX-28). What no splice touches is copied
/// as it stands, but for folded fields, which leave unfolded (MSG-13), and the spelling of the version (MSG-04).
package struct MessageEdits: Sendable {
    struct Splice {
        var at: Int
        var removed: Int
        var textStart: Int
        var textLength: Int
    }

    var splices: [Splice] = []
    var text = ByteBuffer()

    package init() {
        splices.reserveCapacity(16)
        text.reserveCapacity(1024)
    }

    /// Forgets all edits.
    package mutating func reset() {
        splices.removeAll(keepingCapacity: true)
        text.clear()
    }

    /// Replaces `removed` bytes at `at` with what `write` appends.
    ///
    /// Several insertions at one place keep their order, and stand before what is removed there.
    @inline(__always)
    package mutating func splice(at: Int, removing removed: Int = 0, _ write: (inout ByteBuffer) -> Void) {
        let start = text.writerIndex
        write(&text)
        splices.append(Splice(at: at, removed: removed, textStart: start, textLength: text.writerIndex &- start))
    }

    /// Removes a range.
    package mutating func remove(_ range: ByteRange) {
        splices.append(Splice(at: range.start, removed: range.count, textStart: 0, textLength: 0))
    }

    /// The edited message in a buffer of its own, of exactly its size.
    package mutating func applied(to message: SIPMessage, allocator: ByteBufferAllocator) -> ByteBuffer {
        var output = allocator.buffer(capacity: 0)
        apply(to: message, into: &output)
        return output
    }

    /// Appends the edited message to `output`; several messages can share one buffer.
    package mutating func apply(to message: SIPMessage, into output: inout ByteBuffer) {
        if message.isFolded || message.oddVersion != nil { normalise(message) }
        sortSplices()
        message.bytes.withUnsafeReadableBytes { source in
            text.withUnsafeReadableBytes { added in
                let size = dropOverlaps(sourceCount: source.count)
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
                    copy(source, added, to: target)
                }
            }
        }
    }

    /// Insertion sort by place: the list is short and almost in order, and equal places must keep their order, with
    /// insertions before removals.
    private mutating func sortSplices() {
        splices.withUnsafeMutableBufferPointer { list in
            guard list.count > 1 else { return }
            for index in 1..<list.count {
                let moving = list[index]
                var place = index
                while place > 0, moving.comesBefore(list[place &- 1]) {
                    list[place] = list[place &- 1]
                    place &-= 1
                }
                list[place] = moving
            }
        }
    }

    /// Disarms what begins inside a range that another edit removes, or lies outside the message, and returns the size
    /// of the edited message.
    private mutating func dropOverlaps(sourceCount: Int) -> Int {
        var size = sourceCount
        var position = 0
        for index in splices.indices {
            let splice = splices[index]
            guard splice.at >= position, splice.removed >= 0, splice.at &+ splice.removed <= sourceCount else {
                splices[index] = Splice(at: position, removed: 0, textStart: 0, textLength: 0)
                continue
            }
            size &+= splice.textLength &- splice.removed
            position = splice.at &+ splice.removed
        }
        return size
    }

    /// Copies what stays and what is added, in order; `target` has room for all of it.
    private func copy(
        _ source: UnsafeRawBufferPointer,
        _ added: UnsafeRawBufferPointer,
        to target: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let output = target.baseAddress, let input = source.baseAddress else { return 0 }
        var written = 0
        var position = 0
        for splice in splices {
            memcpy(output + written, input + position, splice.at &- position)
            written &+= splice.at &- position
            if splice.textLength > 0, let text = added.baseAddress {
                memcpy(output + written, text + splice.textStart, splice.textLength)
                written &+= splice.textLength
            }
            position = splice.at &+ splice.removed
        }
        memcpy(output + written, input + position, source.count &- position)
        return written &+ source.count &- position
    }
}

extension MessageEdits.Splice {
    /// Whether this one is to be applied before `other`.
    @inline(__always)
    func comesBefore(_ other: Self) -> Bool {
        at < other.at || (at == other.at && removed == 0 && other.removed > 0)
    }
}
