// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What a SIP stream consists of.
package enum StreamElement: Sendable, Equatable {
    /// The bytes of one message.
    case message(ByteBuffer)
    /// A double CRLF, to be answered by one CRLF.
    case keepAlive
}

/// A stream that lost its frame.
package struct FramingFailure: Error, Sendable, Equatable {
    package let error: FramingError
    /// What an answer can be made from, when there is something.
    package let head: ByteBuffer?
}

/// `StreamFramer`'s rules as a NIO decoder, for pipelines such as those of test clients.
package struct SIPStreamDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = StreamElement

    private var framing: StreamFraming

    package init(limits: MessageLimits = MessageLimits()) {
        framing = StreamFraming(limits: limits)
    }

    /// Takes the next element off the front of `buffer`; throws `FramingFailure`.
    package mutating func decode(buffer: inout ByteBuffer) throws -> StreamElement? {
        switch framing.next(from: &buffer) {
        case .message(let message): return .message(message)
        case .keepAlive: return .keepAlive
        case .needMore: return nil
        case .failed(let error, let head): throw FramingFailure(error: error, head: head)
        }
    }

    /// What is left when the stream ends is no message.
    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> StreamElement? {
        try decode(buffer: &buffer)
    }
}
