// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import Foundation
internal import Logging
internal import NIOCore
internal import SIPLocation
internal import SIPProxy

/// What the log is told of a pool's records: each thing once, when it comes up.
extension ControlPlane {
    /// Keeps why a resolution gave nothing or not all, and logs it when it is news.
    func noteFailure(_ reason: String, of pool: ManagedPool) {
        if pool.failure != reason { warn(pool, "pool not refreshed", ["reason": "\(reason)"]) }
        pool.failure = reason
    }

    /// Follows whether DNS answers for a pool, and logs once an outage that it does not, and that it does again.
    ///
    /// Where nothing that is known can stand in, ``noteFailure(_:of:)`` tells that.
    func noteRenewal(_ answer: PoolAnswer, of pool: ManagedPool) {
        let isFailing = answer.renewalFailure != nil || !answer.isAnswered || answer.unanswered?.isEmpty == false
        defer { pool.isRefreshFailing = isFailing }
        guard isFailing != pool.isRefreshFailing else { return }
        if !isFailing {
            logger.notice("DNS answers for a pool again", metadata: ["pool": "\(pool.settings.name)"])
        } else if answer.problem == nil, let reason = answer.renewalFailure {
            warn(
                pool,
                "DNS does not answer for a pool; what it said last serves on",
                ["reason": "\(reason)", "until": "\(answer.expiresAt.map(endOfUse) ?? "-")"]
            )
        }
    }

    /// When records that expire then may be used no longer, by the clock.
    private func endOfUse(_ expiresAt: NIODeadline) -> String {
        let left = expiresAt + TimeAmount(configuration.resolver.stale) - .now()
        return Date(timeIntervalSinceNow: Double(left.nanoseconds) / 1e9).formatted(.iso8601)
    }

    /// Logs that a pool has no backend, if so.
    func noteEmptiness(_ name: String) {
        guard let pool = pools[name], pool.state.membership.publishedCount == 0 else { return }
        let reason = pool.failure ?? "no answer yet"
        logger.error("pool has no backend", metadata: ["pool": "\(name)", "reason": "\(reason)"])
    }

    /// Keeps what is wrong with the records, and logs what is new (LOC-27, LOC-34, LOC-38).
    func noteRecords(_ notes: [String], of pool: ManagedPool) {
        for note in notes where !pool.notes.contains(note) { warn(pool, "records of a pool", ["note": "\(note)"]) }
        pool.notes = notes
    }

    /// Follows whether SIPS services are published (LOC-24).
    func noteTLS(_ isPublished: Bool?, of pool: ManagedPool) {
        switch pool.tlsMemory.observe(isPublished, now: .now()) {
        case .lost:
            warn(
                pool,
                "SIPS services are no longer published",
                ["target": "\(pool.settings.target)", "tls_loss": "\(pool.settings.tlsLoss.rawValue)"]
            )
        case .returned:
            logger.notice("SIPS services are published again", metadata: ["pool": "\(pool.settings.name)"])
        case nil: return
        }
    }

    /// More than half of the backends went at once (LOC-65).
    func noteLoss(_ change: MembershipChange, of pool: ManagedPool, because reason: String) {
        warn(
            pool,
            "pool lost most of its backends",
            [
                "lost": "\(change.draining.count)", "left": "\(pool.state.membership.publishedCount)",
                "reason": "\(reason)",
            ]
        )
    }

    /// A dialog names all of a pool as its next hop: each of its requests may reach another backend, of which but one knows
    /// the dialog (PRX-84).
    func noteSharedName(_ name: NextHopName) {
        let host = DNSName(name.host)
        for pool in pools.values where !pool.hasSharedNameNote && pool.state.membership.publishedCount > 1 {
            guard case .name(host) = pool.target.host else { continue }
            pool.hasSharedNameNote = true
            warn(
                pool,
                "a dialog names the whole pool as its next hop",
                ["name": "\(name.host)", "advice": "let backends write names of their own in Contact and Record-Route"]
            )
        }
    }

    private func warn(_ pool: ManagedPool, _ message: Logger.Message, _ details: Logger.Metadata) {
        logger.warning(message, metadata: details.merging(["pool": "\(pool.settings.name)"]) { _, name in name })
    }
}
