// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Gives each read from a client's socket a buffer of its own, so that an idle connection holds none.
///
/// NIO's pool keeps the first buffer of a channel until it closes: 2 KiB that an idle client never uses. So the first
/// one is tiny, and as no size is named beforehand and each read may grow, the pool never takes that one again. It
/// holds for channels that read one message at a time (`maxMessagesPerRead` 1), whose pool has no room for more.
package struct ShortLivedReceiveBuffers: RecvByteBufferAllocator {
    /// The size of the buffer that the pool keeps: room for a keep-alive on a plain connection, in bytes.
    static let keptSize = 64
    /// The least size of the buffers that are used: most messages fit, in bytes.
    static let usualSize = 2048
    /// The size up to which the buffers of a busy connection grow, in bytes.
    static let largestSize = 65_536

    private var sizes = AdaptiveRecvByteBufferAllocator(minimum: usualSize, initial: usualSize, maximum: largestSize)
    private var hasRead = false

    package init() {}

    package func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        self.hasRead ? self.sizes.buffer(allocator: allocator) : allocator.buffer(capacity: Self.keptSize)
    }

    package mutating func record(actualReadBytes: Int) -> Bool {
        if self.hasRead { _ = self.sizes.record(actualReadBytes: actualReadBytes) }
        self.hasRead = true
        return true
    }

    package func nextBufferSize() -> Int? { nil }
}
