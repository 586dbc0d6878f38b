// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What the state means for the data plane at a given time.
extension PoolState {
    /// The pool as a snapshot shows it.
    package func view(now: NIODeadline) -> PoolView {
        var backends = health.keys.compactMap { backend($0, now: now) }
        if !backends.contains(where: \.isUsable) {
            // A new backend waits for its first probe, but not when there is nothing else to use (LOC-55).
            backends = backends.map { $0.state == .unknown ? Self.pressedIntoUse($0) : $0 }
        }
        return PoolView(id: id, settings: settings, backends: backends, truncatedCount: membership.truncated)
    }

    /// The state of one backend in one word: the operator's word first, then that of DNS, then its health.
    package func state(of endpoint: Endpoint, now: NIODeadline) -> BackendState {
        guard let health = health[endpoint], let member = membership.members[endpoint] else { return .unknown }
        let state = health.state(policy: policy, now: now)
        return member.vanishedAt != nil && state != .disabled ? .draining : state
    }

    /// Whether one more backend may be ejected without leaving less than the pool's reserve (LOC-50).
    func mayEject(_ endpoint: Endpoint, now: NIODeadline) -> Bool {
        let published = membership.publishedCount
        let ejected = health.count { other, health in
            other != endpoint && health.state(policy: policy, now: now) == .ejected
                && membership.members[other]?.vanishedAt == nil
        }
        return Double(ejected + 1) <= Double(published) * policy.ejectedShareLimit
    }

    private func backend(_ endpoint: Endpoint, now: NIODeadline) -> BackendView? {
        guard let health = health[endpoint], let member = membership.members[endpoint] else { return nil }
        let isPublished = member.vanishedAt == nil
        let state = state(of: endpoint, now: now)
        let hasVanished = !isPublished && state == .draining
        return BackendView(
            id: health.id,
            name: member.candidate.name,
            referenceDomain: member.candidate.referenceDomain,
            rank: member.candidate.rank,
            priority: member.candidate.priority,
            weight: member.candidate.weight,
            addressOrder: families.order(of: member.candidate, now: now),
            rampPercent: health.rampPercent(policy: policy, now: now),
            state: state,
            reason: hasVanished ? "no longer published" : health.reason(policy: policy, now: now),
            isUsable: isPublished && health.isUsable(policy: policy, now: now),
            isUsableInPanic: isPublished && health.isUsableInPanic(policy: policy, now: now)
        )
    }

    private static func pressedIntoUse(_ backend: BackendView) -> BackendView {
        BackendView(
            id: backend.id,
            name: backend.name,
            referenceDomain: backend.referenceDomain,
            rank: backend.rank,
            priority: backend.priority,
            weight: backend.weight,
            addressOrder: backend.addressOrder,
            rampPercent: backend.rampPercent,
            state: backend.state,
            reason: "in use before its first probe: no other is usable",
            isUsable: true,
            isUsableInPanic: backend.isUsableInPanic
        )
    }
}
