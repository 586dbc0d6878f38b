// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Cuts a TCP stream into DNS messages: two octets of length come before each (RFC 1035 section 4.2.2).
package struct DNSStreamDecoder: ByteToMessageDecoder {
    package typealias InboundOut = ByteBuffer

    /// A message is longer than is taken.
    package struct TooLong: Error {
        package let length: Int
    }

    private let limit: Int

    /// - Parameter limit: octets that a message may have.
    package init(limit: Int) {
        self.limit = limit
    }

    package mutating func decode(
        context: ChannelHandlerContext,
        buffer: inout ByteBuffer
    ) throws -> DecodingState {
        guard let length: UInt16 = buffer.getInteger(at: buffer.readerIndex) else { return .needMoreData }
        guard Int(length) <= limit else { throw TooLong(length: Int(length)) }
        guard buffer.readableBytes >= Int(length) + 2 else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 2)
        guard let message = buffer.readSlice(length: Int(length)) else { return .needMoreData }
        context.fireChannelRead(Self.wrapInboundOut(message))
        return .continue
    }

    /// What stays when the connection ends is no whole message.
    package mutating func decodeLast(
        context: ChannelHandlerContext,
        buffer: inout ByteBuffer,
        seenEOF: Bool
    ) throws -> DecodingState { .needMoreData }

    /// A message with its length before it.
    package static func framed(_ message: ByteBuffer) -> ByteBuffer {
        var framed = ByteBuffer()
        framed.writeInteger(UInt16(clamping: message.readableBytes))
        framed.writeImmutableBuffer(message)
        return framed
    }
}
