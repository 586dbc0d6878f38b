// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// When all is over nothing is left (TXN-45).
extension World {
    func checkQuiescence() {
        let core = edge.core
        let left = [
            ("server transactions", core.transactionCount), ("client transactions", core.clientTransactionCount),
            ("timers", core.timerCount), ("outstanding load", core.outstandingLoad),
            ("keys", core.indexedKeys), ("holders of transactions", core.transactionHolders),
            ("resolutions", core.pendingResolutions), ("returns", core.pendingReturns),
            ("awaited attempts", core.awaitedAttempts),
            ("waiting messages", edge.lanes.values.reduce(0) { $0 + $1.waitingCount }),
        ]
        for (what, count) in left where count != 0 { fail("\(count) \(what) left after all is over") }
        for agent in agents {
            let waiting = agent.exchanges.values.filter { !$0.isDone }.map(\.key).sorted()
            if let first = waiting.first { fail("\(agent.name) still waits for \(waiting.count), such as \(first)") }
        }
    }
}
