// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// What `StreamFramer` makes of bytes.
enum Framed {
    /// The elements of a stream that comes in these pieces, up to the first failure.
    static func elements(_ pieces: [ByteBuffer], limits: MessageLimits = MessageLimits()) -> [FramingResult] {
        var framer = StreamFramer(limits: limits)
        var found: [FramingResult] = []
        for piece in pieces {
            framer.append(piece)
            while true {
                let result = framer.next()
                if result == .needMore { break }
                found.append(result)
                if case .failed = result { return found }
            }
        }
        return found
    }

    static func elements(_ text: String, limits: MessageLimits = MessageLimits()) -> [FramingResult] {
        elements([ByteBuffer(string: text)], limits: limits)
    }

    /// The stream in two pieces, cut at `place`.
    static func cut(_ stream: ByteBuffer, at place: Int) -> [ByteBuffer] {
        [stream.slice(ByteRange(0, place)), stream.slice(ByteRange(place, stream.readableBytes))]
    }

    /// What a stream broke of; nil while it is whole.
    static func failure(_ stream: ByteBuffer, limits: MessageLimits = MessageLimits()) -> (FramingError, ByteBuffer?)? {
        guard case .failed(let error, let head)? = elements([stream], limits: limits).last else { return nil }
        return (error, head)
    }
}
