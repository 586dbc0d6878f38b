// SPDX-License-Identifier: Apache-2.0

/// Where this edge itself listens: what leads there, from DNS or in a message, would make it call itself (LOC-72).
package struct OwnListeners: Sendable, Hashable {
    /// Where one stands; TCP and TLS cannot share a place.
    private struct Place: Hashable {
        let isDatagram: Bool
        let address: IPAddress
        let port: UInt16

        init(_ transport: SIPTransport, _ address: IPAddress, _ port: UInt16) {
            isDatagram = transport == .udp
            self.address = address
            self.port = port
        }
    }

    private var places: Set<Place> = []
    /// The families that a UDP listener speaks.
    private var hasIPv4Datagrams = false
    private var hasIPv6Datagrams = false

    /// Nothing.
    package init() {}

    /// The addresses of listeners: one at 0.0.0.0 stands at all IPv4 addresses of the host and on all of loopback, one at
    /// `::` at those of IPv6 too.
    package init(_ listeners: [Endpoint], hostAddresses: Set<IPAddress>) {
        let everywhere = hostAddresses.union([Self.everyIPv4, Self.everyIPv6])
        for listener in listeners where listener.transport == .udp {
            let bound = listener.address.unmapped
            // One at :: speaks both.
            hasIPv4Datagrams = hasIPv4Datagrams || !bound.isIPv6 || bound.isUnspecified
            hasIPv6Datagrams = hasIPv6Datagrams || bound.isIPv6
        }
        for listener in listeners where listener.port > 0 {
            let bound = listener.address.unmapped
            for address in bound.isUnspecified ? everywhere : [bound] where bound.isIPv6 || !address.isIPv6 {
                places.insert(Place(listener.transport, address.unmapped, listener.port))
            }
        }
    }

    /// Whether a listener stands there, in whichever spelling of the address.
    package func contains(_ endpoint: Endpoint) -> Bool {
        let address = endpoint.address.unmapped
        if places.contains(Place(endpoint.transport, address, endpoint.port)) { return true }
        guard address.isLoopback else { return false }
        let everywhere = address.isIPv6 ? Self.everyIPv6 : Self.everyIPv4
        return places.contains(Place(endpoint.transport, everywhere, endpoint.port))
    }

    /// Whether there is a UDP listener whose address datagrams to an address of this family can leave from (TRN-52).
    package func sendsDatagrams(ipv6: Bool) -> Bool { ipv6 ? hasIPv6Datagrams : hasIPv4Datagrams }

    private static let everyIPv4 = IPAddress.v4(0)
    private static let everyIPv6 = IPAddress.v6(high: 0, low: 0)
}
