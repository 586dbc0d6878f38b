// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Logging
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// A name that a listener has written into Via, Record-Route and Path, held against what DNS makes of it: whoever follows
/// it must come back here (RFC 3261 sections 16.6 and 18.2.1, TRN-24).
struct OwnName: Sendable {
    let listener: ListenerSettings
    let target: SIPTarget

    /// The name that a listener advertises; nil for an address, and for names that DNS is not asked for.
    init?(_ listener: ListenerSettings) {
        let host = DNSName(listener.advertisedHost)
        guard IPAddress(parsing: listener.advertisedHost) == nil, listener.port > 0, host.isAskable else { return nil }
        self.listener = listener
        target = SIPTarget(
            host: .name(host),
            port: listener.advertisedPort,
            transport: listener.transport,
            isSecure: listener.transport.isSecure
        )
    }

    /// By what rules those resolve it who follow it.
    static var policy: ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.allowsLoopback = true
        policy.servers = HostNetwork.namedServers
        return policy
    }

    /// What is wrong with where it leads; nil when it may lead here, as far as this host can tell: behind NAT it knows no
    /// address by which others reach it.
    func problem(_ step: ResolutionStep?, hostAddresses: Set<IPAddress>) -> String? {
        guard case .resolved(let located) = step, !located.servers.isEmpty else { return "DNS has no server for it" }
        let endpoints = located.servers.map(\.endpoint)
        let port = listener.advertisedPort ?? listener.port
        let matching = endpoints.filter { $0.transport == listener.transport && $0.port == port }
        guard !matching.isEmpty else {
            let found = endpoints.prefix(3).map { "\($0)" }.joined(separator: ", ")
            return "it leads to \(found), not to \(listener.transport.name) port \(port)"
        }
        let isPublic = hostAddresses.contains { !$0.isPrivate }
        guard isPublic, !matching.contains(where: { hostAddresses.contains($0.address.unmapped) }) else { return nil }
        return "it leads to \(matching[0].address.hostText), which is no address of this host"
    }
}

extension ControlPlane {
    /// Asks DNS for the names that the listeners advertise, at the start and after a reload, and delays nothing for it.
    func checkOwnNames() {
        let names = configuration.listeners.compactMap { OwnName($0) }
        astrayNames = astrayNames.filter { name, _ in names.contains { $0.listener.name == name } }
        for name in names {
            Task {
                let outcome = try? await resolver.resolve(name.target, policy: OwnName.policy, for: .request)
                note(name, name.problem(outcome?.step, hostAddresses: host.addresses))
            }
        }
    }

    private func note(_ name: OwnName, _ problem: String?) {
        let listener = name.listener
        guard configuration.listeners.contains(listener) else { return }
        if let problem, astrayNames[listener.name] != problem {
            logger.warning(
                "a listener's name does not lead back here",
                metadata: [
                    "listener": "\(listener.name)", "name": "\(listener.advertisedHost)", "reason": "\(problem)",
                ]
            )
        }
        astrayNames[listener.name] = problem
    }
}
