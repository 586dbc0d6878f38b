// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import Testing

@testable internal import EdgeRuntime

/// FLW-41: what a connection that says nothing keeps of its receive buffers.
@Suite("Receive buffers")
struct ReceiveBufferTests {
    /// The pool that each channel of NIO has, with room for the one message a read that listeners ask for.
    private var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: ShortLivedReceiveBuffers())

    /// A read of `length` bytes, or of what the buffer takes; gives the buffer.
    private mutating func read(_ length: Int) -> ByteBuffer {
        let (buffer, count) = pool.buffer(allocator: ByteBufferAllocator()) { buffer in
            buffer.writeBytes(repeatElement(UInt8(ascii: "x"), count: min(length, buffer.writableBytes)))
        }
        pool.record(actualReadBytes: count)
        return buffer
    }

    @Test("FLW-41: no buffer but the first, tiny one outlives its read")
    mutating func buffersAreLetGo() {
        let first = read(1500)
        #expect(first.readableBytes == ShortLivedReceiveBuffers.keptSize)
        for _ in 1...10 {
            var buffer = read(1500)
            #expect(buffer.readableBytes == 1500)
            // Who else held it would make it copy its bytes elsewhere.
            let address = buffer.withUnsafeReadableBytes { $0.baseAddress }
            buffer.setInteger(UInt8(ascii: "y"), at: 0)
            #expect(buffer.withUnsafeReadableBytes { $0.baseAddress } == address)
        }
        #expect(pool.count == 1)
    }

    @Test("The buffers of a busy connection grow, and shrink when it calms down")
    mutating func buffersGrow() {
        _ = read(1)
        for _ in 1...10 { _ = read(1 << 20) }
        #expect(read(1 << 20).readableBytes == ShortLivedReceiveBuffers.largestSize)
        for _ in 1...20 { _ = read(100) }
        #expect(read(1 << 20).readableBytes == ShortLivedReceiveBuffers.usualSize)
    }
}
