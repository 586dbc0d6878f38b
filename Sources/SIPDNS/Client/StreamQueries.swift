// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// The queries that one connection carries at a time, by their ids (RFC 7766 section 6.2.1): answers come in any order.
struct StreamQueries<Waiter> {
    /// Queries that one connection may carry; ids are no longer hard to draw, and nobody has more to ask.
    static var limit: Int { 4096 }

    private var waiters: [UInt16: (expected: ExpectedAnswer, waiter: Waiter)] = [:]

    init() {}

    var isEmpty: Bool { waiters.isEmpty }

    /// An id that no query has; nil when there are too many.
    func freeID(using generator: inout some RandomNumberGenerator) -> UInt16? {
        guard waiters.count < Self.limit else { return nil }
        while true {
            let id = UInt16.random(in: .min ... .max, using: &generator)
            if waiters[id] == nil { return id }
        }
    }

    mutating func add(_ expected: ExpectedAnswer, _ waiter: Waiter) { waiters[expected.id] = (expected, waiter) }

    /// Who waits for a response; nil for one that nobody asked for, and for another question than was asked.
    mutating func take(_ response: DNSMessageCodec.Response) -> Waiter? {
        guard let entry = waiters[response.id], entry.expected.accepts(response) else { return nil }
        waiters[response.id] = nil
        return entry.waiter
    }

    /// Gives a query up.
    mutating func remove(_ id: UInt16) -> Waiter? { waiters.removeValue(forKey: id)?.waiter }

    /// Gives all up.
    mutating func removeAll() -> [Waiter] {
        defer { waiters = [:] }
        return waiters.values.map(\.waiter)
    }
}
