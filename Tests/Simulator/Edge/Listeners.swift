// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport

/// The listeners of the simulated edge.
enum Listeners {
    static let all: [ListenerIdentity] = [
        make(0, .access, .tls, Addresses.outer, "edge1.example.com"),
        make(1, .access, .udp, Addresses.outer, "198.51.100.10"),
        make(2, .access, .tcp, Addresses.outer, "198.51.100.10"),
        make(3, .inner, .tcp, Addresses.inner, "10.0.0.5"),
        make(4, .inner, .udp, Addresses.inner, "10.0.0.5"),
        make(5, .inner, .tls, Addresses.inner, "edge1.core.example.com"),
    ]

    static let innerAddress = DatagramAddress(address: Addresses.inner, port: 5060)

    private static func make(
        _ index: UInt8,
        _ role: ListenerIdentity.Role,
        _ transport: SIPTransport,
        _ address: IPAddress,
        _ host: String
    ) -> ListenerIdentity {
        ListenerIdentity(
            id: ListenerID(index: index),
            name: "\(role.rawValue)-\(transport.name)",
            role: role,
            transport: transport,
            address: address,
            port: transport.defaultPort,
            advertisedHost: host,
            advertisedPort: nil
        )
    }

    static func endpoint(_ role: ListenerIdentity.Role, _ transport: SIPTransport) -> Endpoint {
        let address = role == .access ? Addresses.outer : Addresses.inner
        return Endpoint(transport: transport, address: address, port: transport.defaultPort)
    }

    /// All datagrams of a listener come on one flow.
    static func flow(of listener: ListenerIdentity) -> FlowID {
        FlowID(worker: 1, serial: UInt64(listener.id.index))
    }

    static func datagramListener(_ flow: FlowID) -> ListenerIdentity? {
        all.first { $0.transport == .udp && self.flow(of: $0) == flow }
    }
}

extension TokenAuthenticator {
    /// A checksum in the place of HMAC-SHA-256, under the keys 1 and 2: nobody forges tokens here.
    static func simulated(key current: UInt8) -> TokenAuthenticator {
        TokenAuthenticator(currentKeyID: current) { key, bytes in
            guard key == 1 || key == 2 else { return nil }
            var sum = UInt64(key) &* 0x9E37_79B9_7F4A_7C15
            for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
            var mixer = SeededGenerator(seed: sum)
            return (mixer.next(), mixer.next())
        }
    }
}
