// SPDX-License-Identifier: Apache-2.0

internal import CNIOLinux
internal import Glibc
package import NIOCore
internal import SIPLocation
package import SIPMessage

/// A name server that questions go to.
package struct DNSServer: Sendable, Hashable, CustomStringConvertible {
    package enum Transport: String, Sendable, Hashable {
        /// UDP, and TCP for what does not fit.
        case udp
        /// DNS over TLS (RFC 7858).
        case tls
    }

    package var address: IPAddress
    package var port: UInt16
    package var transport: Transport
    /// Whom the certificate must be for; nil for the address itself.
    package var name: String?
    /// The number of the interface that a link-local address belongs to; 0 for other addresses.
    package var scope: UInt32

    package init(
        _ address: IPAddress,
        port: UInt16 = 53,
        transport: Transport = .udp,
        name: String? = nil,
        scope: UInt32 = 0
    ) {
        self.address = address
        self.port = port
        self.transport = transport
        self.name = name
        self.scope = scope
    }

    /// What its AD bit is worth: nothing when it came on a way where anybody can set it (RFC 6698 section 4.1, TLS-49).
    func verdict(isAuthenticated: Bool) -> DNSAnswer.Security {
        isAuthenticated && (transport == .tls || address.unmapped.isLoopback) ? .secure : .insecure
    }

    package var description: String {
        let zone = scope > 0 ? "%\(scope)" : ""
        let place = address.isIPv6 ? "[\(address)\(zone)]:\(port)" : "\(address):\(port)"
        return transport == .udp ? place : "tls:\(place)\(name.map { "#\($0)" } ?? "")"
    }

    /// Where to send, with the interface for a link-local address.
    package var socketAddress: SocketAddress {
        let plain = SocketAddress(address, port: port)
        guard scope > 0, case .v6(let six) = plain else { return plain }
        var raw = six.address
        raw.sin6_scope_id = scope
        return SocketAddress(raw, host: "")
    }
}
