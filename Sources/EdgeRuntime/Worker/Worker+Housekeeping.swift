// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPProxy
internal import Telemetry

extension Worker {
    /// Once a second: closes flows that are idle too long or take nothing of what they are sent (TRN-10), whose peer's
    /// certificate has expired (TLS-09), and those to backends that are gone when no dialog uses them any more (LOC-55);
    /// then reports.
    func keepHouse() {
        let now = eventLoop.now
        let limits = snapshot.limits
        (lastLag, worstLag) = (worstLag, .zero)
        var closing: [StreamFlow] = []
        var resting: [StreamFlow] = []
        for flow in streams.values where flow.phase == .ready {
            if flow.isStalled(at: now, for: limits.writeStall) {
                flow.abort()
            } else if let certificate = flow.certificate, certificate.endsAt <= now {
                counters.limits.increment(.certificateEnd)
                closing.append(flow)
            } else if flow.context.side == .client,
                flow.isInputClosed || now - flow.lastRead >= flow.idleLimit ?? limits.idleTimeout
            {
                resting.append(flow)
            }
        }
        for flow in closing + unused(resting) { flow.close() }
        for flows in backends.values { flows.keepAlive(now: now) }
        closeRetired(now: now)
        retireAliases(now: now)
        identities.forget(after: limits.sources.burst, now: now)
        for (target, flows) in backends where flows.hasRested(at: now) && !snapshot.knows(target) {
            flows.close()
            backends[target] = nil
        }
        returns.keepHouse(now: now)
        sendObservations()
        // Responses that found nobody go on from there.
        runActions()
    }

    /// Closes connections to backends whose certificate is about to expire once another stands and nothing is awaited on
    /// them (TLS-32).
    private func closeRetired(now: NIODeadline) {
        let retired = backends.values.flatMap { $0.retired(now: now) }
        guard !retired.isEmpty else { return }
        let busy = core.busyFlows
        for flow in retired where !busy.contains(flow.context.id) { flow.close() }
    }

    /// Those of the flows on which nobody waits for an answer: a call may ring longer than its client says anything
    /// (TRN-45).
    private func unused(_ resting: [StreamFlow]) -> [StreamFlow] {
        guard !resting.isEmpty else { return [] }
        let busy = core.busyFlows
        let unused = resting.filter { !busy.contains($0.context.id) }
        for flow in unused where !flow.isInputClosed { counters.limits.increment(.idleTimeout) }
        return unused
    }

    /// The worker's numbers now.
    var statistics: WorkerStatistics {
        var counters = counters
        var clients = 0
        for flow in streams.values {
            counters.add(bytesIn: flow.bytesIn, bytesOut: flow.bytesOut, SideLabel(flow.context.side))
            if flow.context.side == .client { clients += 1 }
        }
        for flow in datagrams.values {
            counters.add(bytesIn: flow.bytesIn, bytesOut: flow.bytesOut, flow.side)
        }
        let known = sources?.counts(now: eventLoop.now)
        return WorkerStatistics(
            worker: index,
            counters: counters,
            core: core.counters,
            suspicions: core.suspicions,
            transactions: core.transactionCount,
            clientTransactions: core.clientTransactionCount,
            timers: core.timerCount,
            memory: core.memoryReach,
            clientFlows: clients,
            backendFlows: backends.mapValues(\.count),
            backendQueues: backends.mapValues(\.waitingCount),
            lag: max(lastLag, worstLag),
            isOverloaded: overload.level > .calm,
            reportedPercent: core.reportedPercent,
            knownSources: known?.known ?? 0,
            bannedSources: known?.banned ?? 0,
            aliases: aliases.count,
            displacedSources: sources?.displaced ?? 0
        )
    }
}
