// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeTLS
internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// One pool as the control plane keeps it; it belongs to the control plane and is never shared.
final class ManagedPool {
    var settings: PoolSettingsEntry
    var target: SIPTarget
    var state: PoolState
    /// The answers that the membership rests on.
    var known: [DNSQuestion: DNSAnswer] = [:]
    /// When the first record that the membership rests on expires.
    var expiresAt: NIODeadline?
    /// When an answer that the membership rests on is due to be asked for again; nil when none was needed.
    var refreshAt: NIODeadline?
    var isStale = false
    /// Why the latest resolution gave nothing, or not all, if so.
    var failure: String?
    /// Whether the latest refresh failed, though what is known may serve on (LOC-61).
    var isRefreshFailing = false
    /// Whether part of the target could not be asked (LOC-57).
    var isPartial = false
    /// What the latest resolution found wrong with the records.
    var notes: [String] = []
    var tlsMemory = TLSMemory()
    /// SRV targets that DANE ruled out in the latest resolution (RFC 7673 section 3).
    var skipped = 0
    /// Whether the log was told that dialogs name the pool instead of one of its backends (PRX-84).
    var hasSharedNameNote = false
    /// Whether the pool had a usable backend when it was looked at last; nil before.
    var isUsable: Bool?
    var refreshes: UInt64 = 0
    var refreshTask: Task<Void, Never>?
    var probeTasks: [Endpoint: Task<Void, Never>] = [:]
    /// Why the latest probes of backends failed in TLS, which the log was told of.
    var probeFailures: [Endpoint: TLSFailure] = [:]

    /// A pool without backends, or one that knows what a former one of its name knew of them.
    init(settings: PoolSettingsEntry, target: SIPTarget, id: PoolID, former: ManagedPool? = nil) {
        self.settings = settings
        self.target = target
        state = settings.state(of: target, id: id, former: former)
        isUsable = former?.isUsable
        if let former, former.target == target {
            tlsMemory = former.tlsMemory
            hasSharedNameNote = former.hasSharedNameNote
        }
    }

    func reconfigure(_ settings: PoolSettingsEntry, target: SIPTarget) {
        self.settings = settings
        self.target = target
        state.reconfigure(settings: settings.view(of: target), policy: settings.healthPolicy)
    }

    /// How its backends are authenticated by DANE.
    var plans: [Endpoint: DANEPlan] { settings.dane == .off ? [:] : state.plans }

    func forget(_ endpoint: Endpoint) {
        probeTasks.removeValue(forKey: endpoint)?.cancel()
        probeFailures[endpoint] = nil
    }

    func cancel() {
        refreshTask?.cancel()
        for task in probeTasks.values { task.cancel() }
        probeTasks = [:]
    }

    /// By what rules the target is resolved on this host.
    func resolutionPolicy(_ host: HostNetwork, _ own: OwnListeners, now: NIODeadline) -> ResolutionPolicy {
        settings.resolutionPolicy(host, own, memory: tlsMemory, now: now)
    }
}
