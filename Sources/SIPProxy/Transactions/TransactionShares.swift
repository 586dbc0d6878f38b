// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// How many server transactions each client holds, by address and by connection, so that nobody takes the whole table
/// (TXN-46).
///
/// The connections of an address and its datagrams are counted apart: who forges datagrams takes nothing from connections.
/// A transaction is counted as it begins and as it ends, once for each limit that there is.
struct TransactionShares {
    /// Whose a transaction is; as it was when it was counted, wherever its client has moved since, and with what was counted
    /// then, whatever the limits are now.
    struct Owner {
        /// The address, or the IPv6 network; nil where there is no limit for one.
        fileprivate(set) var source: HeldCounts.Key?
        /// The connection; nil for datagrams, which all come on one flow, and where there is no limit for one.
        fileprivate(set) var connection: HeldCounts.Key?

        init(_ flow: FlowContext, _ limits: Limits) {
            if limits.ofSource > 0 { source = HeldCounts.Key(flow.remoteAddress, isProven: flow.transport.isReliable) }
            if limits.ofConnection > 0, flow.transport.isReliable { connection = HeldCounts.Key(flow.id) }
        }
    }

    /// What one client may hold; 0: no limit.
    struct Limits {
        let ofSource: Int
        let ofConnection: Int
        /// Whether there is any.
        let isAny: Bool

        init(_ settings: ProxySettings) {
            ofSource = settings.transactionsPerSource
            ofConnection = settings.transactionsPerConnection
            isAny = ofSource > 0 || ofConnection > 0
        }
    }

    private var held: HeldCounts

    init(seed: UInt64) { held = HeldCounts(seed: seed) }

    /// Sources and connections that hold any.
    var count: Int { held.count }

    /// Counts a transaction, or gives the limit that it would exceed; a fifth of each is kept for what belongs to dialogs.
    mutating func begin(_ owner: Owner, isInDialog: Bool, _ limits: Limits) -> ProxyLimit? {
        func share(_ limit: Int) -> Int { isInDialog ? limit : limit - limit / 5 }
        if let connection = owner.connection, !held.add(connection, below: share(limits.ofConnection)) {
            return .transactionsPerConnection
        }
        guard let source = owner.source, !held.add(source, below: share(limits.ofSource)) else { return nil }
        if let connection = owner.connection { held.subtract(connection) }
        return .transactionsPerSource
    }

    mutating func end(_ owner: Owner) {
        if let source = owner.source { held.subtract(source) }
        if let connection = owner.connection { held.subtract(connection) }
    }
}
