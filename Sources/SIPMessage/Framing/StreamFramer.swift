// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Why a stream can no longer be cut into messages; the connection must close (TRN-02 to TRN-04, TRN-09).
package enum FramingError: Sendable, Equatable {
    /// Content-Length is missing, repeated or no number. `head` still holds a header section to answer by.
    case contentLength
    /// The header section is longer than its limit.
    case headerSectionTooLong
    /// The message is longer than its limit, as Content-Length says.
    case messageTooLong
    /// The bytes are not SIP.
    case notSIP
}

/// What `StreamFramer.next` found.
package enum FramingResult: Sendable, Equatable {
    /// The bytes of one message.
    case message(ByteBuffer)
    /// A double CRLF between messages, to be answered by one CRLF (RFC 5626 section 4.4.1).
    case keepAlive
    case needMore
    /// Nothing further can be read; `head` is the header section that shows it, when there is one.
    case failed(FramingError, head: ByteBuffer?)
}

/// Cuts a byte stream into messages by header terminator and Content-Length (RFC 3261 sections 7.5 and 18.3).
///
/// It searches each byte once, however the stream is split, and keeps no copy: a message is a slice of what was read.
package struct StreamFramer: Sendable {
    private let limits: MessageLimits
    private var buffer = ByteBuffer()
    /// Bytes from the reader index on that hold no header terminator.
    private var searched = 0
    /// Length of the message at the reader index, once its header section is read.
    private var expected: Int?
    private var failure: FramingError?

    package init(limits: MessageLimits = MessageLimits()) {
        self.limits = limits
    }

    /// Whether a message has begun and is not complete.
    package var isInsideMessage: Bool { buffer.readableBytes > 0 }

    /// Bytes that wait for the rest of a message.
    package var pendingBytes: Int { buffer.readableBytes }

    /// Adds bytes as they came.
    package mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
            searched = 0
        } else {
            buffer.discardReadBytes()
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// Takes the next thing out of the stream.
    package mutating func next() -> FramingResult {
        if let failure { return .failed(failure, head: nil) }
        if expected == nil {
            if let result = skipLineEnds() { return result }
            if let result = readHead() { return result }
        }
        guard let length = expected, let message = buffer.readSlice(length: length) else { return .needMore }
        expected = nil
        searched = 0
        return .message(message)
    }

    /// Between messages: two CRLF are a keep-alive, a single one is skipped when more follows (FLW-28 to FLW-30).
    private mutating func skipLineEnds() -> FramingResult? {
        while searched == 0, let first = peek(0) {
            guard first == 0x0D || first == 0x0A else { return nil }
            guard let second = peek(1) else { return .needMore }
            guard first == 0x0D, second == 0x0A else { return fail(.notSIP, head: nil) }
            guard let third = peek(2) else { return .needMore }
            guard third == 0x0D else {
                buffer.moveReaderIndex(forwardBy: 2)
                continue
            }
            guard let fourth = peek(3) else { return .needMore }
            guard fourth == 0x0A else { return fail(.notSIP, head: nil) }
            buffer.moveReaderIndex(forwardBy: 4)
            return .keepAlive
        }
        return buffer.readableBytes == 0 ? .needMore : nil
    }

    private func peek(_ offset: Int) -> UInt8? {
        buffer.getInteger(at: buffer.readerIndex + offset)
    }

    private mutating func readHead() -> FramingResult? {
        let available = buffer.readableBytes
        let start = searched
        let scan = buffer.withUnsafeReadableBytes { raw -> HeadScan in
            guard let bytes = Bytes(raw) else { return .incomplete }
            if start == 0, !HeadScan.looksLikeSIP(bytes) { return .notSIP }
            return HeadScan.scan(bytes, searched: start, limit: limits.headerSection)
        }
        switch scan {
        case .notSIP: return fail(.notSIP, head: nil)
        case .incomplete:
            guard available <= limits.headerSection else { return fail(.headerSectionTooLong, head: nil) }
            searched = max(0, available - 3)
            return .needMore
        case .badContentLength(let end):
            return fail(.contentLength, head: buffer.getSlice(at: buffer.readerIndex, length: end))
        case .complete(let end, let contentLength):
            guard end <= limits.headerSection else { return fail(.headerSectionTooLong, head: nil) }
            guard end + contentLength <= limits.message else {
                return fail(.messageTooLong, head: buffer.getSlice(at: buffer.readerIndex, length: end))
            }
            expected = end + contentLength
            return nil
        }
    }

    private mutating func fail(_ error: FramingError, head: ByteBuffer?) -> FramingResult {
        failure = error
        buffer = ByteBuffer()
        return .failed(error, head: head)
    }
}
