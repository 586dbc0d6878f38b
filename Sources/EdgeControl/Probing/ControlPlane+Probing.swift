// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy

/// Probing: each backend has a task that asks it over its own transport when its turn comes.
extension ControlPlane {
    /// Starts the probes of backends that are new.
    func watchBackends(of pool: ManagedPool) {
        let name = pool.settings.name
        for endpoint in pool.state.membership.members.keys where pool.probeTasks[endpoint] == nil {
            pool.probeTasks[endpoint] = Task { [weak self] in
                while !Task.isCancelled {
                    guard let delay = await self?.probeDelay(endpoint, of: name) else { return }
                    try? await Task.sleep(for: delay)
                    if Task.isCancelled { return }
                    await self?.probe(endpoint, of: name)
                }
            }
        }
    }

    private func probeDelay(_ endpoint: Endpoint, of name: String) -> Duration? {
        guard let pool = pools[name], pool.state.membership.members[endpoint] != nil else { return nil }
        var generator = SystemRandomNumberGenerator()
        guard let delay = pool.state.probeDelay(of: endpoint, now: .now(), using: &generator) else {
            return .seconds(1)
        }
        return .nanoseconds(delay.nanoseconds)
    }

    private func probe(_ endpoint: Endpoint, of name: String) async {
        guard let pool = pools[name], pool.state.policy.isProbing, pool.state.membership.members[endpoint] != nil else {
            return
        }
        let exchange = ProbeExchange(
            loop: group.next(),
            endpoint: endpoint,
            setup: pool.settings.backendSetup(pool.target.referenceDomain, checked.contexts, pool.state.plans),
            requestURI: probeURI(pool, endpoint),
            from: "sip:\(configuration.edge.name)",
            timeout: pool.state.policy.timeout
        )
        let began = NIODeadline.now()
        let result = await exchange.run()
        let outcome = result.outcome
        let duration = NIODeadline.now() - began
        guard pools[name] === pool else { return }
        let accepted = if case .answered(let status, _) = outcome { pool.state.policy.accepts(status) } else { false }
        poolCounters[name, default: PoolCounters()]
            .count(outcome, isAccepted: accepted, nanoseconds: duration.nanoseconds)
        let detail = result.failure.map { LogText.printable($0.words) }
        if let change = pool.state.observe(probe: outcome, detail: detail, of: endpoint, now: .now()) {
            note(change, in: pool)
            publish()
        }
        note(result.failure, at: endpoint, of: pool)
    }

    /// Logs why a probe failed in TLS, with all that is logged of a connection: once until it fails in another way or not
    /// at all.
    private func note(_ failure: TLSFailure?, at endpoint: Endpoint, of pool: ManagedPool) {
        let before = pool.probeFailures[endpoint]
        pool.probeFailures[endpoint] = failure
        guard let failure, before?.reason != failure.reason || before?.words != failure.words else { return }
        let peer = "\(endpoint.address.hostText):\(endpoint.port)"
        let details = failure.logDetails(peer: peer, side: "backend") + [("pool", pool.settings.name)]
        connectionLog.write("TLS handshake of a probe failed", details)
    }

    private func probeURI(_ pool: ManagedPool, _ endpoint: Endpoint) -> String {
        switch pool.target.host {
        case .address: "sip:\(endpoint.address.hostText):\(endpoint.port)"
        default: "sip:\(pool.target.referenceDomain)"
        }
    }
}
