// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// Where this edge itself listens: DNS that leads there would make it call itself (LOC-72).
package struct OwnListeners: Sendable, Hashable {
    private struct Place: Hashable {
        let isDatagram: Bool
        let address: IPAddress
        let port: UInt16
    }

    private var places: Set<Place> = []

    /// Nothing.
    package init() {}

    /// The addresses of listeners; one at 0.0.0.0 or :: has all those of the host.
    package init(_ listeners: [Endpoint], hostAddresses: Set<IPAddress>) {
        for listener in listeners where listener.port > 0 {
            let own = listener.address.isUnspecified ? hostAddresses : [listener.address]
            for address in own where !listener.address.isUnspecified || listener.address.isIPv6 || !address.isIPv6 {
                insert(listener.transport, address, listener.port)
            }
        }
    }

    private mutating func insert(_ transport: SIPTransport, _ address: IPAddress, _ port: UInt16) {
        places.insert(Place(isDatagram: transport == .udp, address: address.unmapped, port: port))
    }

    /// Whether a listener stands there.
    package func contains(_ endpoint: Endpoint) -> Bool {
        places.contains(
            Place(
                isDatagram: endpoint.transport == .udp,
                address: endpoint.address.unmapped,
                port: endpoint.port
            )
        )
    }
}
