// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Standard output and standard error, written in a way that can never end the process: a reader that has gone or a disk
/// that is full costs the text, no more.
package enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    /// Milliseconds that a stream which takes nothing is waited for, where writing to it would not wait by itself.
    static let patience: Int32 = 100

    /// Writes a line at once.
    package func write(line: String) { Self.write(line + "\n", to: rawValue) }

    /// Readies the streams at the start of a process.
    ///
    /// Writes to a pipe or socket that nobody reads fail from now on, instead of ending the process. A stream that the
    /// process began without leads nowhere, so that no socket takes its number and gets the log.
    package static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free is taken, which is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Writes a text to a descriptor, and gives up silently when it cannot be written.
    static func write(_ text: String, to descriptor: Int32, patience: Int32 = patience) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while let start = rest.baseAddress, !rest.isEmpty {
                let count = Glibc.write(descriptor, start, rest.count)
                if count > 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                } else if !canRetry(descriptor, after: errno, patience) {
                    return
                }
            }
        }
    }

    private static func canRetry(_ descriptor: Int32, after code: Int32, _ patience: Int32) -> Bool {
        guard code == EAGAIN else { return code == EINTR }
        var question = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&question, 1, patience) > 0 && question.revents & Int16(POLLOUT) != 0
    }
}
