// SPDX-License-Identifier: Apache-2.0

/// Transactions by slot: an array with a list of free places, so that a slot number finds its transaction at once.
struct TransactionTable<Transaction: AnyObject> {
    private var slots: [Transaction?] = []
    private var free: [UInt32] = []
    private(set) var count = 0

    /// Puts what `make` builds into a free slot.
    mutating func insert(_ make: (UInt32) -> Transaction) -> Transaction {
        let slot = free.popLast() ?? UInt32(truncatingIfNeeded: slots.count)
        let transaction = make(slot)
        if Int(slot) == slots.count {
            slots.append(transaction)
        } else {
            slots[Int(slot)] = transaction
        }
        count += 1
        return transaction
    }

    subscript(slot: UInt32) -> Transaction? {
        Int(slot) < slots.count ? slots[Int(slot)] : nil
    }

    mutating func remove(_ slot: UInt32) {
        guard Int(slot) < slots.count, slots[Int(slot)] != nil else { return }
        slots[Int(slot)] = nil
        free.append(slot)
        count -= 1
    }

    /// Looks at every transaction; for rare events only.
    func visit(_ body: (Transaction) -> Void) {
        for case let transaction? in slots { body(transaction) }
    }

    /// Every transaction that passes; for rare events only.
    func all(where passes: (Transaction) -> Bool) -> [Transaction] {
        var found: [Transaction] = []
        for case let transaction? in slots where passes(transaction) { found.append(transaction) }
        return found
    }
}
