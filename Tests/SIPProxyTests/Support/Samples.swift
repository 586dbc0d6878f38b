// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport

extension Endpoint {
    /// The backend `B1` for 1, and so on, at documentation addresses (RFC 5737).
    static func backend(_ last: UInt32, _ transport: SIPTransport = .tcp) -> Endpoint {
        Endpoint(transport: transport, address: .v4(0xC000_0200 + last), port: transport.defaultPort)
    }
}

extension PoolView {
    /// A pool of backends B1 and on, one priority each, so that they are tried in this order.
    static func sample(
        _ count: UInt32,
        _ transport: SIPTransport = .tcp,
        index: Int = 0,
        firstResponse: FirstResponseLimits? = FirstResponseLimits()
    ) -> PoolView {
        let id = PoolID(index: .init(index))
        let backends = (1...count).map { last in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last, transport)),
                name: "b\(last).example.com",
                priority: UInt16(last),
                weight: 1
            )
        }
        let settings = PoolSettings(name: "p\(index)", firstResponse: firstResponse)
        return PoolView(id: id, settings: settings, backends: backends)
    }
}

/// The listeners of the bench, by place.
enum Side {
    static let publicTLS = ListenerID(index: 0)
    static let publicUDP = ListenerID(index: 1)
    static let innerTCP = ListenerID(index: 2)
    static let innerUDP = ListenerID(index: 3)
    static let innerTLS = ListenerID(index: 4)
    static let peerTLS = ListenerID(index: 5)
    static let publicTCP = ListenerID(index: 6)

    /// E's public side is 198.51.100.10, its inner side 10.0.0.5.
    static var all: [ListenerIdentity] {
        let outer = IPAddress.v4(0xC633_640A)
        let inner = IPAddress.v4(0x0A00_0005)
        return [
            listener(publicTLS, .access, .tls, outer, 5061, "edge1.example.com"),
            listener(publicUDP, .access, .udp, outer, 5060, "198.51.100.10"),
            listener(innerTCP, .inner, .tcp, inner, 5060, "10.0.0.5"),
            listener(innerUDP, .inner, .udp, inner, 5060, "10.0.0.5"),
            listener(innerTLS, .inner, .tls, inner, 5061, "edge1.core.example.com"),
            listener(peerTLS, .peer, .tls, outer, 5081, "trunk.example.com"),
            listener(publicTCP, .access, .tcp, outer, 5060, "198.51.100.10"),
        ]
    }

    static func listener(
        _ id: ListenerID,
        _ role: ListenerIdentity.Role,
        _ transport: SIPTransport,
        _ address: IPAddress,
        _ port: UInt16,
        _ host: String
    ) -> ListenerIdentity {
        ListenerIdentity(
            id: id,
            name: "l\(id.index)",
            role: role,
            transport: transport,
            address: address,
            port: port,
            advertisedHost: host,
            advertisedPort: nil
        )
    }
}

extension ProxySnapshot {
    static func sample(
        _ pools: [PoolView],
        routes: [RouteRule]? = nil,
        policy: ForwardingPolicy = ForwardingPolicy(),
        settings: ProxySettings = ProxySettings()
    ) -> ProxySnapshot {
        ProxySnapshot(
            generation: 1,
            listeners: Side.all,
            routes: routes ?? pools.first.map { [RouteRule(action: .pool($0.id))] } ?? [],
            pools: pools,
            policies: pools.map { _ in policy },
            settings: settings,
            tokens: .sample
        )
    }
}

extension ProxySettings {
    /// Settings under which 203.0.113.0/24 gets all repeats over UDP (OVL-23).
    static var trusting: ProxySettings {
        var settings = ProxySettings()
        settings.trustedSources = [.init(address: .v4(0xCB00_7100), prefixLength: 24)]
        return settings
    }
}

extension TokenAuthenticator {
    /// A checksum in the place of HMAC-SHA-256, under the keys 1 and 2; the tests forge nothing that it would let pass.
    static var sample: TokenAuthenticator {
        TokenAuthenticator(currentKeyID: 1) { key, bytes in
            guard key == 1 || key == 2 else { return nil }
            var sum = SeededGenerator(seed: UInt64(key))
            var mac = (sum.next(), sum.next())
            for byte in bytes {
                var step = SeededGenerator(seed: mac.0 ^ UInt64(byte))
                mac = (step.next() ^ mac.1, step.next() &+ mac.0)
            }
            return mac
        }
    }
}
