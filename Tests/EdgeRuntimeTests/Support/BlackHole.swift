// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import Synchronization
import TestSupport

/// An address where a TCP connection never comes up: its queue of accepted connections holds one, nobody takes it, and
/// the kernel drops every further SYN.
final class BlackHole: Sendable {
    private let listening: Int32
    private let waiting: Int32
    private let accepted = Mutex<Int32>(-1)

    /// Opens it at 127.0.0.`last`.
    init(last: UInt8, port: Int) throws {
        let address = try SocketAddress(ipAddress: "127.0.0.\(last)", port: port)
        listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        waiting = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let sockets = (listening, waiting)
        let isReady = address.withSockAddr { address, size in
            bind(sockets.0, address, socklen_t(size)) == 0 && listen(sockets.0, 0) == 0
                && connect(sockets.1, address, socklen_t(size)) == 0
        }
        guard isReady else { throw TestSupportError("no black hole at port \(port): \(errno)") }
    }

    /// Takes the connection that fills the queue, so that the kernel answers the next SYN, and keeps none of them long.
    func accept() { close(Glibc.accept(listening, nil, nil)) }

    /// Whether somebody who got through has sent anything.
    func hasReceived() -> Bool {
        var connection = accepted.withLock { $0 }
        if connection < 0 {
            _ = fcntl(listening, F_SETFL, O_NONBLOCK)
            connection = Glibc.accept(listening, nil, nil)
            accepted.withLock { $0 = connection }
        }
        var byte: UInt8 = 0
        return connection >= 0 && recv(connection, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) > 0
    }

    deinit {
        close(accepted.withLock { $0 })
        close(listening)
        close(waiting)
    }
}
