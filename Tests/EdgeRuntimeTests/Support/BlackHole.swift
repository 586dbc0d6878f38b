// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// An address where a TCP connection never comes up: its queue of accepted connections holds one, nobody takes it, and
/// the kernel drops every further SYN.
final class BlackHole: Sendable {
    private let listening: Int32
    private let waiting: Int32

    /// Opens it at 127.0.0.`last`.
    init(last: UInt8, port: Int) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = (UInt32(0x7F00_0000) + UInt32(last)).bigEndian
        listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        waiting = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let sockets = (listening, waiting)
        let isReady = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(sockets.0, address, size) == 0 && listen(sockets.0, 0) == 0
                    && connect(sockets.1, address, size) == 0
            }
        }
        guard isReady else { throw TestSupportError("no black hole at port \(port): \(errno)") }
    }

    deinit {
        close(listening)
        close(waiting)
    }
}
