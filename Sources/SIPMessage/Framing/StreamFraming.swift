// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// The rules by which a byte stream is cut into messages, apart from who holds the bytes (RFC 3261 section 18.3).
struct StreamFraming: Sendable {
    private let limits: MessageLimits
    private var scanner = HeadScanner()
    /// Length of the message at the reader index, once its header section is read.
    private var expected: Int?
    /// Length of its body.
    private(set) var awaitedBody: Int?
    private var failure: FramingError?

    init(limits: MessageLimits) {
        self.limits = limits
    }

    /// Takes the next thing off the front of `buffer`, which still begins with what earlier calls left there.
    mutating func next(from buffer: inout ByteBuffer) -> FramingResult {
        if let failure { return .failed(failure, head: nil) }
        if expected == nil {
            if let result = skipLineEnds(&buffer) { return result }
            if let result = readHead(buffer) { return result }
        }
        guard let length = expected, let message = buffer.readSlice(length: length) else { return .needMore }
        expected = nil
        awaitedBody = nil
        scanner = HeadScanner()
        return .message(message)
    }

    /// Between messages: two CRLF are a keep-alive, a single one is skipped when more follows (FLW-28 to FLW-30).
    private mutating func skipLineEnds(_ buffer: inout ByteBuffer) -> FramingResult? {
        func peek(_ offset: Int) -> UInt8? { buffer.getInteger(at: buffer.readerIndex &+ offset) }
        while let first = peek(0), first == 0x0D || first == 0x0A {
            guard let second = peek(1) else { return first == 0x0D ? .needMore : fail(.lineEnd) }
            guard first == 0x0D, second == 0x0A else { return fail(.lineEnd) }
            guard let third = peek(2) else { return .needMore }
            if third == 0x0D {
                guard let fourth = peek(3) else { return .needMore }
                guard fourth == 0x0A else { return fail(.lineEnd) }
                buffer.moveReaderIndex(forwardBy: 4)
                return .keepAlive
            }
            buffer.moveReaderIndex(forwardBy: 2)
        }
        return buffer.readableBytes == 0 ? .needMore : nil
    }

    private mutating func readHead(_ buffer: ByteBuffer) -> FramingResult? {
        let outcome = buffer.withUnsafeReadableBytes { raw in
            Bytes(raw).map { scanner.scan($0) } ?? .incomplete
        }
        switch outcome {
        case .incomplete:
            return buffer.readableBytes > limits.headerSection ? fail(.headerSectionTooLong) : .needMore
        case .failed(let error, let end):
            if end > limits.headerSection { return fail(.headerSectionTooLong) }
            return fail(error, head: end > 0 ? buffer.slice(ByteRange(0, end)) : nil)
        case .complete(let end, let contentLength):
            guard end <= limits.headerSection else { return fail(.headerSectionTooLong) }
            guard contentLength <= limits.message &- end else {
                return fail(.messageTooLong, head: buffer.slice(ByteRange(0, end)))
            }
            expected = end &+ contentLength
            awaitedBody = contentLength
            return nil
        }
    }

    private mutating func fail(_ error: FramingError, head: ByteBuffer? = nil) -> FramingResult {
        failure = error
        return .failed(error, head: head)
    }
}
