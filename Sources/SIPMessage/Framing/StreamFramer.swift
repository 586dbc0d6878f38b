// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Cuts a byte stream into messages by header terminator and Content-Length (RFC 3261 sections 7.5 and 18.3).
///
/// It looks at each byte once, however the stream is split, and keeps no copy: a message is a slice of what was read.
package struct StreamFramer: Sendable {
    private var framing: StreamFraming
    private var buffer = ByteBuffer()

    package init(limits: MessageLimits = MessageLimits()) {
        framing = StreamFraming(limits: limits)
    }

    /// Whether a message has begun and is not complete.
    ///
    /// Line ends that wait between messages are none.
    package var isInsideMessage: Bool {
        guard let first: UInt8 = buffer.getInteger(at: buffer.readerIndex) else { return false }
        return first != 0x0D && first != 0x0A
    }

    /// Length of the body of a message whose header section has come and that is not complete; else nil.
    package var awaitedBody: Int? { framing.awaitedBody }

    /// Bytes that wait for the rest of a message.
    package var pendingBytes: Int { buffer.readableBytes }

    /// Adds bytes as they came.
    package mutating func append(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        if buffer.readerIndex > 0 {
            // What was cut off still belongs to messages, so the rest moves to storage of its own.
            var rest = ByteBufferAllocator().buffer(capacity: buffer.readableBytes &+ bytes.readableBytes)
            rest.append(ByteRange(0, buffer.readableBytes), of: buffer)
            buffer = rest
        }
        buffer.append(ByteRange(0, bytes.readableBytes), of: bytes)
    }

    /// Takes a single CRLF, and nothing else, off the front: an answer to a keep-alive, which would otherwise wait to be
    /// the half of one (RFC 5626 section 4.4.1).
    package mutating func takePong() -> Bool {
        guard buffer.readableBytes == 2, buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) == 0x0D0A else {
            return false
        }
        buffer = ByteBuffer()
        return true
    }

    /// Takes the next thing out of the stream.
    package mutating func next() -> FramingResult {
        let result = framing.next(from: &buffer)
        if case .failed = result { buffer = ByteBuffer() }
        // An idle connection holds no read buffer.
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        return result
    }
}
