// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import NIOCore
internal import NIOPosix
internal import SIPLocation
internal import SIPMessage

/// What the host's network can reach: its addresses, and those that packets to the Internet would leave from.
struct HostNetwork: Sendable, Hashable {
    var addresses: Set<IPAddress>
    /// The source of packets to a distant IPv4 and IPv6 address; nil without a way there.
    var source4: IPAddress?
    var source6: IPAddress?

    /// The networks of two root name servers: connecting a UDP socket there tells the route and sends nothing.
    private static let distant4 = IPAddress.v4(0xC100_0E81)
    private static let distant6 = IPAddress.v6(high: 0x2001_07FD_0000_0000, low: 1)

    /// Looks at the host.
    static func current(on loop: any EventLoop) async -> HostNetwork {
        let devices = (try? System.enumerateDevices()) ?? []
        let addresses = Set(devices.compactMap { $0.address.flatMap { IPAddress($0) } })
        async let source4 = source(towards: distant4, on: loop)
        async let source6 = source(towards: distant6, on: loop)
        return await HostNetwork(addresses: addresses, source4: source4, source6: source6)
    }

    private static func source(towards distant: IPAddress, on loop: any EventLoop) async -> IPAddress? {
        let any: IPAddress = distant.isIPv6 ? .v6(high: 0, low: 0) : .v4(0)
        guard let channel = try? await DatagramBootstrap(group: loop).bind(to: SocketAddress(any, port: 0)).get() else {
            return nil
        }
        var source: IPAddress?
        do {
            try await channel.connect(to: SocketAddress(distant, port: 53)).get()
            source = channel.localAddress.flatMap { IPAddress($0) }
        } catch {
            // There is no way there.
            source = nil
        }
        try? await channel.close().get()
        return source.flatMap { $0.isUnspecified ? nil : $0 }
    }

    /// Where listeners stand on this host.
    func own(_ listeners: [ListenerSettings]) -> OwnListeners {
        let endpoints = listeners.map { Endpoint(transport: $0.transport, address: $0.address, port: $0.port) }
        return OwnListeners(endpoints, hostAddresses: addresses)
    }

    /// Uses the families that the host has, in the order of RFC 6724 (LOC-40, LOC-41).
    func chooseFamilies(_ policy: inout ResolutionPolicy) {
        let four = uses(ipv6: false, allowingLoopback: policy.allowsLoopback)
        let six = uses(ipv6: true, allowingLoopback: policy.allowsLoopback)
        // A host that shows no address at all is not known, rather than without a network.
        policy.usesIPv4 = four || !six
        policy.usesIPv6 = six || !four
        policy.prefersIPv6 = prefersIPv6
    }

    /// By what rules a name that a request gives is resolved: to loopback addresses only where a pool leads there too, never
    /// to the edge itself (LOC-72), and to few servers, because each is worth two questions that whoever owns the name makes
    /// us ask.
    func namePolicy(pools: [ManagedPool], own: OwnListeners) -> ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.ownListeners = own
        policy.sendsFromListeners = true
        policy.allowsLoopback = pools.contains { pool in
            if case .address(let address) = pool.target.host { return address.isLoopback }
            return pool.settings.allowsLoopback
        }
        policy.servers = Self.namedServers
        chooseFamilies(&policy)
        return policy
    }

    /// Servers of a name that a request gives; twice as many as one request may try.
    static let namedServers = 16

    /// Whether addresses of a family are any use (LOC-40): the host has one that reaches beyond its link, or the loopback
    /// one where that may be used.
    func uses(ipv6: Bool, allowingLoopback: Bool) -> Bool {
        addresses.contains { address in
            address.isIPv6 == ipv6 && !address.isLinkLocal && (allowingLoopback || !address.isLoopback)
        }
    }

    /// Whether RFC 6724 sorts IPv6 before IPv4 here: with a source address of the precedence of ::/0, which unique local,
    /// 6to4 and Teredo addresses do not have (section 2.1, rules 5 and 6).
    var prefersIPv6: Bool {
        guard case .v6(let high, _) = source6 else { return false }
        let isUniqueLocal = high >> 57 == 0x7E
        let isTunnelled = high >> 48 == 0x2002 || high >> 32 == 0x2001_0000
        return !isUniqueLocal && !isTunnelled
    }
}
