// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
internal import SIPMessage

/// Why requests went where they went (`brana explain`).
extension ProxyCore {
    /// What is known of the requests with a Call-ID: those that have ended and are remembered, and those that run.
    ///
    /// It looks at every transaction, which takes milliseconds when there are a hundred thousand: for people, not for
    /// programs.
    package func explain(callID: ByteBuffer) -> [RequestExplanation] {
        let key = keys.callKey(callID, ByteRange(0, callID.readableBytes))
        let ended = memory.records(of: key).map { record in
            RequestExplanation(
                record: record,
                view: record.pool.flatMap { memory.view(of: $0, in: record.generation) }
            )
        }
        let wanted = callID.readableBytesView
        let running = servers.all { server in
            guard !server.hasFinal else { return false }
            let id = server.request.callID
            return id.count == wanted.count && server.request.bytes.slice(id).readableBytesView.elementsEqual(wanted)
        }
        return ended
            + running.sorted { $0.startedAt < $1.startedAt }.map { server in
                let record = record(server, 0, isLocal: false, duration: nil)
                return RequestExplanation(record: record, view: server.pool)
            }
    }

    /// How far back that reaches.
    package var memoryReach: RequestMemoryReach { memory.reach }

    /// Keeps what is to be told of a request that has its final, or will get none.
    func remember(_ server: ServerTransaction, _ status: UInt16, isLocal: Bool, now: NIODeadline) {
        guard !memory.isOff else { return }
        memory.add(record(server, status, isLocal: isLocal, duration: now - server.startedAt))
    }

    private func record(
        _ server: ServerTransaction,
        _ status: UInt16,
        isLocal: Bool,
        duration: TimeAmount?
    ) -> RequestRecord {
        let request = server.request
        return RequestRecord(
            callKey: keys.callKey(request.bytes, request.callID),
            method: request.method,
            listener: server.flow.listener,
            transport: server.flow.transport,
            sourceAddress: server.flow.remoteAddress,
            sourcePort: server.flow.remotePort,
            front: server.flow.front,
            startedAt: server.startedAt,
            duration: duration,
            status: status,
            isLocal: isLocal,
            reason: server.ownReason,
            generation: server.snapshot.proxy.generation,
            isSecure: server.plan.isSecure,
            way: way(of: server),
            pool: server.pool?.id,
            affinity: server.affinity,
            passedBy: server.passedBy,
            throttled: server.throttled,
            trail: server.trail,
            isCancelled: server.isCancelled,
            isOverBudget: server.isOverBudget
        )
    }

    private func way(of server: ServerTransaction) -> RequestRecord.Way {
        switch server.plan.destination {
        case .pool: server.route.map { .route($0) } ?? .none
        case .flow: .flow
        case .endpoint: .address
        case .name: .name
        }
    }
}
