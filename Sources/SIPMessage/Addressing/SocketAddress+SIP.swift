// SPDX-License-Identifier: Apache-2.0

internal import CNIOLinux
internal import Glibc
package import NIOCore

extension IPAddress {
    /// The address of a socket; nil for a Unix socket.
    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let inet):
            self = .v4(UInt32(bigEndian: inet.address.sin_addr.s_addr))
        case .v6(let inet):
            let words = withUnsafeBytes(of: inet.address.sin6_addr) { raw in
                (
                    raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
            self = IPAddress.v6(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1)).unmapped
        case .unixDomainSocket:
            return nil
        }
    }
}

extension SocketAddress {
    /// The socket address of an address and port; always an IP one.
    package init(_ address: IPAddress, port: UInt16) {
        switch address {
        case .v4(let value):
            var socket = sockaddr_in()
            socket.sin_family = sa_family_t(AF_INET)
            socket.sin_port = port.bigEndian
            socket.sin_addr.s_addr = value.bigEndian
            self.init(socket)
        case .v6(let high, let low):
            var socket = sockaddr_in6()
            socket.sin6_family = sa_family_t(AF_INET6)
            socket.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &socket.sin6_addr) { raw in
                raw.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            self.init(socket)
        }
    }
}
