// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy

/// Next hops that requests name: the core's question put to DNS, and the answer as a view that the core can draw from.
enum NextHopResolution {
    /// Asks DNS for the servers of a next hop (RFC 3263 section 4).
    ///
    /// Loopback addresses that the policy lets pass may still be none for who asks, which the core knows (LOC-72).
    static func resolve(
        _ name: NextHopName,
        by resolver: TargetResolver,
        policy: ResolutionPolicy
    ) async -> ResolutionOutcome {
        guard let target = target(name),
            let outcome = try? await resolver.resolve(target, policy: policy, for: .request)
        else { return .failed }
        return self.outcome(of: outcome.step, for: name)
    }

    /// What RFC 3263 is to resolve; nil for a name that DNS may not be asked for (LOC-70).
    static func target(_ name: NextHopName) -> SIPTarget? {
        let host = DNSName(name.host)
        guard host.isAskable else { return nil }
        return SIPTarget(host: .name(host), port: name.port, transport: name.transport, isSecure: name.isSecure)
    }

    /// The servers that a resolution has come to, as the core takes them.
    static func outcome(of step: ResolutionStep, for name: NextHopName) -> ResolutionOutcome {
        guard case .resolved(let located) = step else { return .failed }
        let view = PoolView(
            id: NextHops.transientPool,
            settings: PoolSettings(name: name.host, referenceDomain: name.domain),
            backends: located.servers.map { server in
                BackendView(
                    id: BackendID(pool: NextHops.transientPool, endpoint: server.endpoint),
                    name: server.name,
                    referenceDomain: name.domain,
                    rank: server.rank,
                    priority: server.priority,
                    weight: server.weight,
                    addressOrder: server.addressOrder
                )
            }
        )
        // Stale records stay in use because nothing newer can be had (RFC 8767): asking again would change nothing.
        return .resolved(NextHops(view: view, expiresAt: located.isStale ? nil : located.expiresAt))
    }
}
