// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A part of one message's bytes, counted from the first byte of its start line.
package struct ByteRange: Sendable, Hashable {
    package var offset: UInt32
    package var length: UInt32

    @inlinable
    package init(offset: Int, length: Int) {
        self.offset = UInt32(truncatingIfNeeded: offset)
        self.length = UInt32(truncatingIfNeeded: length)
    }

    @inlinable
    package init(_ start: Int, _ end: Int) {
        self.init(offset: start, length: end - start)
    }

    @inlinable
    package static var empty: ByteRange { ByteRange(offset: 0, length: 0) }

    @inlinable
    package var start: Int { Int(offset) }
    @inlinable
    package var end: Int { Int(offset) + Int(length) }
    @inlinable
    package var isEmpty: Bool { length == 0 }
    @inlinable
    package var count: Int { Int(length) }
}

extension ByteBuffer {
    /// The bytes of `range`, counted from the reader index, as a slice that shares storage.
    package func slice(_ range: ByteRange) -> ByteBuffer {
        getSlice(at: readerIndex + range.start, length: range.count) ?? ByteBuffer()
    }

    /// The bytes of `range` as text; for logs and commands, never on the path of a message.
    package func text(_ range: ByteRange) -> String {
        getString(at: readerIndex + range.start, length: range.count) ?? ""
    }
}
