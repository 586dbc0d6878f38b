// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Why a connection came to nothing, in words for who sits at a terminal.
enum ConnectionWords {
    /// The words for an error of connecting, or of a connection.
    ///
    /// - Parameter limit: the time that there was for it.
    static func words(for error: any Error, within limit: Duration) -> String {
        switch error {
        case let error as NIOConnectionError: words(for: error, within: limit)
        case let error as IOError: words(code: error.errnoCode)
        case let error as ChannelError: words(for: error, within: limit)
        default: "\(error)"
        }
    }

    /// What each address came to, and no words twice.
    private static func words(for error: NIOConnectionError, within limit: Duration) -> String {
        guard !error.connectionErrors.isEmpty else { return "no such name" }
        var all: [String] = []
        for failure in error.connectionErrors {
            let words = words(for: failure.error, within: limit)
            if !all.contains(words) { all.append(words) }
        }
        return all.joined(separator: "; ")
    }

    private static func words(for error: ChannelError, within limit: Duration) -> String {
        switch error {
        case .connectTimeout: "did not answer within \(limit.components.seconds) s"
        case .eof, .alreadyClosed, .ioOnClosedChannel, .inputClosed, .outputClosed: "closed the connection"
        default: "\(error)"
        }
    }

    private static func words(code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "closed the connection"
        default: beginning(String(cString: strerror(code)))
        }
    }

    /// The same with a small first letter, as it stands within a line.
    private static func beginning(_ words: String) -> String { words.prefix(1).lowercased() + words.dropFirst() }
}
