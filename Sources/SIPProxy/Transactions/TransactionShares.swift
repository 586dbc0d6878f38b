// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// How many server transactions each client holds, by address and by connection, so that nobody takes the whole table
/// (TXN-46).
///
/// Counting costs two look-ups as a transaction begins and two as it ends, and allocates only while more clients have some
/// than ever before. Nothing is kept of a client that has none.
struct TransactionShares {
    /// Whose a transaction is; as it was when it was counted, wherever its client has moved since.
    struct Owner {
        let source: IPAddress
        /// The connection; nil for datagrams, which all come on one flow.
        let connection: FlowID?
    }

    private var bySource: [IPAddress: UInt32] = [:]
    private var byConnection: [FlowID: UInt32] = [:]

    init() {
        bySource.reserveCapacity(1024)
        byConnection.reserveCapacity(1024)
    }

    /// Sources and connections that hold any.
    var count: Int { bySource.count + byConnection.count }

    /// The limit that a further transaction would exceed; a fifth of each is kept for what belongs to dialogs.
    func limit(reachedBy owner: Owner, isInDialog: Bool, _ settings: ProxySettings) -> ProxyLimit? {
        func isFull(_ held: UInt32?, _ limit: Int) -> Bool {
            guard limit > 0, let held else { return false }
            return Int(held) >= (isInDialog ? limit : limit - limit / 5)
        }
        if let connection = owner.connection,
            isFull(byConnection[connection], settings.transactionsPerConnection)
        {
            return .transactionsPerConnection
        }
        return isFull(bySource[owner.source], settings.transactionsPerSource) ? .transactionsPerSource : nil
    }

    mutating func begin(_ owner: Owner) {
        bySource[owner.source, default: 0] &+= 1
        if let connection = owner.connection { byConnection[connection, default: 0] &+= 1 }
    }

    mutating func end(_ owner: Owner) {
        Self.lower(&bySource[owner.source])
        if let connection = owner.connection { Self.lower(&byConnection[connection]) }
    }

    private static func lower(_ held: inout UInt32?) {
        guard let count = held else { return }
        held = count > 1 ? count - 1 : nil
    }
}
