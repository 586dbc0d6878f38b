// SPDX-License-Identifier: Apache-2.0

package import BackendPool
internal import NIOCore
internal import SIPMessage

/// What an operator can say of a backend.
package enum BackendVerb: String, Sendable, Hashable, CaseIterable {
    case drain, undrain, disable, enable

    /// What came of it.
    package enum Outcome: Sendable, Hashable {
        /// The backend, and the state that it has by the operator's word.
        case done(String, AdministrativeState)
        /// It cannot be done, and what to do instead.
        case refused(String)
        /// No pool has such a backend.
        case unknown(String)
    }

    var state: AdministrativeState {
        switch self {
        case .drain: .draining
        case .undrain, .enable: .enabled
        case .disable: .disabled
        }
    }
}

extension ControlPlane {
    /// Does what the operator says of a backend, which is named by transport, address and port, by address and port alone,
    /// or by its server's name.
    package func carryOut(_ verb: BackendVerb, backend name: String) -> BackendVerb.Outcome {
        let endpoints = backends(named: name)
        guard let endpoint = endpoints.first else { return .unknown("no pool has a backend \(name); see brana pools") }
        guard endpoints.count == 1 else {
            let list = endpoints.map(\.description).sorted().joined(separator: ", ")
            return .refused("\(name) is more than one backend: say which of \(list)")
        }
        let isDisabled = pools.values.contains { $0.state.health[endpoint]?.administrative == .disabled }
        if verb == .undrain, isDisabled {
            return .refused("\(endpoint) is disabled, not drained; brana enable uses it again")
        }
        setAdministrative(verb.state, of: endpoint)
        return .done(endpoint.description, verb.state)
    }

    private func setAdministrative(_ state: AdministrativeState, of endpoint: Endpoint) {
        for pool in pools.values where pool.state.membership.members[endpoint] != nil {
            if let change = pool.state.setAdministrative(state, of: endpoint, now: .now()) { note(change, in: pool) }
        }
        publish()
    }

    private func backends(named name: String) -> Set<Endpoint> {
        let text = name.lowercased()
        let members = pools.values.flatMap { $0.state.membership.members }
        let matching = members.filter { endpoint, member in
            let place = endpoint.description
            return text == place || text == place.drop { $0 != ":" }.dropFirst()
                || text == member.candidate.name.lowercased()
        }
        return Set(matching.map(\.key))
    }
}
