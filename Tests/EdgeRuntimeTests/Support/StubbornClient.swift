// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import TestSupport

/// A client that reads nothing before it has written all that it has to say, as many do.
enum StubbornClient {
    struct Outcome: Sendable {
        /// Whether all could be written.
        var hasWritten = false
        var received = ""
        /// Whether the other side ended with FIN, and not with RST.
        var isEnded = false
    }

    /// Writes `text` and `filling` further bytes, then reads to the end.
    static func send(_ text: String, filling: Int, to port: Int) async throws -> Outcome {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        return await Task.detached { talk(text, filling, address) }.value
    }

    private static func talk(_ text: String, _ filling: Int, _ address: SocketAddress) -> Outcome {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard address.withSockAddr({ connect(socket, $0, socklen_t($1)) }) == 0 else { return Outcome() }
        var outcome = Outcome()
        outcome.hasWritten = write(Array(text.utf8), to: socket)
        let piece = [UInt8](repeating: 0x78, count: 1 << 16)
        var left = filling
        while left > 0, outcome.hasWritten {
            outcome.hasWritten = write(Array(piece.prefix(left)), to: socket)
            left -= piece.count
        }
        var bytes: [UInt8] = []
        var input = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(socket, &input, input.count, 0)
            guard count > 0 else {
                outcome.isEnded = count == 0
                break
            }
            bytes += input.prefix(count)
        }
        outcome.received = String(decoding: bytes, as: UTF8.self)
        return outcome
    }

    private static func write(_ bytes: [UInt8], to socket: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
