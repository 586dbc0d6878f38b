// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPProxy

extension Worker {
    /// Once a second: closes flows that are idle too long or deliver a message too slowly (TRN-05), and reports.
    func keepHouse() {
        let now = eventLoop.now
        let limits = snapshot.limits
        var closing: [StreamFlow] = []
        for flow in streams.values where flow.phase == .ready {
            if let since = flow.messageSince, now - since > limits.messageTimeout {
                counters.limits["message_timeout", default: 0] &+= 1
                closing.append(flow)
            } else if flow.context.side == .client, now - flow.lastRead > limits.idleTimeout {
                counters.limits["idle_timeout", default: 0] &+= 1
                closing.append(flow)
            }
        }
        for flow in closing { flow.close() }
        sendObservations()
    }

    /// The worker's numbers now.
    var statistics: WorkerStatistics {
        var counters = counters
        var clients = 0
        for flow in streams.values {
            counters.bytesIn &+= flow.bytesIn
            counters.bytesOut &+= flow.bytesOut
            if flow.context.side == .client { clients += 1 }
        }
        for flow in datagrams.values {
            counters.bytesIn &+= flow.bytesIn
            counters.bytesOut &+= flow.bytesOut
        }
        return WorkerStatistics(
            worker: index,
            counters: counters,
            transactions: core.transactionCount,
            clientFlows: clients,
            backendFlows: backends.values.reduce(0) { $0 + $1.count }
        )
    }
}
