// SPDX-License-Identifier: Apache-2.0

internal import SIPProxy

extension Bench {
    /// Removes a client's flow, as when its connection closes.
    func disconnect(_ flow: FlowContext) {
        forget(flow.id)
        close(flow)
    }

    /// The end of the requests that were counted, as `status` or `status local`.
    var finished: [String] {
        events.compactMap { event in
            guard case .finished(let summary) = event else { return nil }
            return summary.isLocal ? "\(summary.status) local" : "\(summary.status)"
        }
    }

    /// The ends of attempts, as `B1 refused` or `B1 answered`.
    var attempts: [String] {
        events.compactMap { event in
            guard case .attempt(let target, let failure, _, _) = event else { return nil }
            return "\(Self.name(target.endpoint)) \(failure?.rawValue ?? "answered")"
        }
    }

    /// Where the attempts that ended had gone.
    var targets: [BackendTarget] {
        events.compactMap { event in
            if case .attempt(let target, _, _, _) = event { target } else { nil }
        }
    }

    func failures(_ failure: NextHopFailure) -> UInt64 { core.counters.nextHopFailures[failure.rawValue] }

    var drops: [DropReason] {
        events.compactMap { event in
            if case .dropped(let reason) = event { reason } else { nil }
        }
    }

    var limits: [ProxyLimit] {
        events.compactMap { event in
            switch event {
            case .limit(let limit), .refused(let limit, _): limit
            default: nil
            }
        }
    }

    /// Whether nothing is left of any transaction (TXN-45).
    var isQuiet: Bool { core.transactionCount == 0 && !core.hasTimers }
}
