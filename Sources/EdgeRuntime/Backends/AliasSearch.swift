// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import SIPMessage
internal import SIPProxy

/// Whose connections requests to a pool's backends may use (RFC 5923).
package enum AliasUse: Sendable, Hashable {
    case none
    /// Those whose peers were verified by this TLS profile, and were shown its certificate (TLS-41).
    case of(profile: String)
}

/// What connections to one backend are looked for by, worked out once a snapshot.
struct AliasSearch {
    private var generation: UInt64?
    private(set) var places: [AliasTable.Place] = []
    private(set) var profile: String?

    /// Works it out anew where `generation` is another than before.
    mutating func adopt(_ generation: UInt64, _ target: BackendTarget, _ setup: (BackendTarget) -> BackendSetup) {
        guard self.generation != generation else { return }
        self.generation = generation
        let setup = setup(target)
        let endpoint = target.endpoint
        places = setup.aliasIdentities(of: target).map {
            AliasTable.Place(address: endpoint.address, port: endpoint.port, identity: $0)
        }
        profile = if case .of(let profile) = setup.aliases { profile } else { nil }
    }
}

extension BackendSetup {
    /// The domains of which a server that offers its connection must have proved one, as certificates hold them; none
    /// where a new one must be opened in any case.
    ///
    /// They are asked for whether the pool verifies names or not. What speaks for a server by DANE is its own
    /// certificate, not what it shows as a client; and an address is no identity (RFC 5922 section 7.1).
    func aliasIdentities(of target: BackendTarget) -> [String] {
        guard aliases != .none, target.endpoint.transport == .tls else { return [] }
        let plan = plans[target.endpoint]
        guard plan?.records.isEmpty ?? true else { return [] }
        let names = [name(of: target)] + alternativeNames + (plan.map { [$0.target] } ?? [])
        return names.compactMap { name in
            guard let ascii = InternationalName.asciiForm(of: name), let domain = DomainIdentity(dnsName: ascii) else {
                return nil
            }
            let text = String(decoding: domain.bytes, as: UTF8.self)
            return text.hasPrefix("*") ? nil : text
        }
    }
}
