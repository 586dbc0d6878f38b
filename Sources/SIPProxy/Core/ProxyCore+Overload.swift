// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
internal import SIPMessage

/// Overload control towards backends (RFC 7339): what they ask for, and who is held back for it.
extension ProxyCore {
    /// Per cent of its requests that a backend asks this worker to hold back.
    package func heldBackPercent(of backend: BackendID, now: NIODeadline) -> UInt32 {
        overload.percent(of: backend.endpoint, now: now)
    }

    /// Whether overload control is spoken with a hop: where its pool has it, and over TLS alone, for whoever can write in
    /// between could stop all traffic with one response (OVL-07, RFC 7339 section 5.2).
    func controlsOverload(_ hop: Hop, _ box: SnapshotBox) -> Bool {
        guard case .backend(let target, _) = hop else { return false }
        return controlsOverload(target, box)
    }

    private func controlsOverload(_ target: BackendTarget, _ box: SnapshotBox) -> Bool {
        target.endpoint.transport.isSecure && box.proxy.policy(of: target.pool).controlsOverload
    }

    /// Takes what a response says in the Via that is ours; what stands in others is for others (OVL-08).
    func takeFeedback(_ response: SIPMessage, _ client: ClientTransaction, now: NIODeadline) {
        let box = client.server.snapshot
        guard let target = client.target, let pool = target.pool, controlsOverload(target, box) else { return }
        let parameters = OverloadParameters(response.topmostVia, in: response)
        guard !parameters.isOfferAlone else { return }
        guard parameters.isSound, let percent = parameters.value,
            parameters.isLossAlone || !parameters.namesAlgorithms
        else { return counters.ignoredFeedback(pool) }
        let validity = parameters.validity.map { TimeAmount.milliseconds(Int64($0)) }
        let feedback = OverloadControl.Feedback(
            percent: percent,
            validity: validity ?? .milliseconds(500),
            sequence: parameters.sequence
        )
        guard percent <= 100 else { return counters.ignoredFeedback(pool) }
        let view = Int(pool.index) < snapshot.pools.count ? snapshot.pools[Int(pool.index)] : nil
        if overload.take(feedback, from: target.endpoint, isOnlyOne: view?.usableCount ?? 0 <= 1, now: now) {
            counters.alarmed(pool)
            act(.event(.overloadAlarm(target, percent: percent)))
        }
    }

    /// Whether a request to a backend of a pool is held back because the backend asks for less; counts it.
    func holdsBack(_ server: ServerTransaction, from target: BackendTarget, now: NIODeadline) -> Bool {
        guard let pool = target.pool, controlsOverload(target, server.snapshot) else { return false }
        let category = category(of: server)
        let isHeld = overload.holdsBack(category, from: target.endpoint, now: now) {
            Double(generator.next() >> 11) / Double(1 << 53)
        }
        guard isHeld else { return false }
        server.isThrottled = true
        counters.throttled(pool)
        return true
    }

    /// The backend chosen for a request, or another one of its pool that is not in overload; nil when the request is held
    /// back from all (OVL-12).
    func unthrottled(_ chosen: Int, _ server: ServerTransaction, _ pool: PoolView, now: NIODeadline) -> Int? {
        // Asked once a request: chance has spoken, and the mix has counted it.
        if server.throttled.contains(chosen) { return chooseCalm(server, pool, now: now) }
        let backend = pool.backends[chosen]
        guard holdsBack(server, from: BackendTarget(endpoint: backend.endpoint, pool: pool.id), now: now) else {
            return chosen
        }
        server.throttled.insert(chosen)
        return chooseCalm(server, pool, now: now)
    }

    /// Which requests are held back last (OVL-11): those within dialogs, and emergencies by the word of the believed.
    ///
    /// ACK and CANCEL do not come here. What others say of themselves changes nothing (OVL-51).
    private func category(of server: ServerTransaction) -> OverloadControl.Category {
        let request = server.request
        if request.to.tag != nil { return .protected }
        guard believes(server.flow, server.snapshot) else { return .ordinary }
        return request.isEmergency || request.hasPriority(of: server.snapshot.proxy.settings.priorityNamespaces)
            ? .protected : .ordinary
    }
}
