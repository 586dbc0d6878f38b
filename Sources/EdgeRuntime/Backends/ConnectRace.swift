// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Staggered attempts to connect to the addresses of one SRV target: the order of events of RFC 8305 section 5 as a value
/// (LOC-43).
///
/// It knows the addresses by their place in the list alone. Events go in with the time, actions come out.
package struct ConnectRace: Sendable {
    /// Between the starts of two attempts.
    package static let delay = TimeAmount.milliseconds(250)
    package static let shortestDelay = TimeAmount.milliseconds(100)
    package static let longestDelay = TimeAmount.seconds(2)

    package enum Action: Sendable, Hashable {
        /// Start to connect to this address.
        case open(Int)
        /// Everything that waits goes over the connection to this address.
        case won(Int)
        /// Give this attempt up.
        case cancel(Int)
        /// No address is left.
        case lost
    }

    private enum State {
        case waiting
        case opening
        case failed
    }

    /// When the next attempt starts; nil when none waits or the race is over.
    package private(set) var nextStart: NIODeadline?
    private var states: [State]
    private let delay: TimeAmount
    private var isOver = false

    /// A race of so many addresses; `delay` is brought within its bounds.
    package init(_ count: Int, delay: TimeAmount = Self.delay) {
        states = Array(repeating: .waiting, count: count)
        self.delay = min(max(delay, Self.shortestDelay), Self.longestDelay)
    }

    /// Starts the first attempt.
    package mutating func start(now: NIODeadline) -> [Action] { openNext(now: now) }

    /// Lets time pass.
    package mutating func advance(to now: NIODeadline) -> [Action] {
        guard let nextStart, nextStart <= now else { return [] }
        return openNext(now: now)
    }

    /// An attempt has failed: the next one need not wait for its turn.
    package mutating func failed(_ place: Int, now: NIODeadline) -> [Action] {
        guard !isOver, states.indices.contains(place), states[place] == .opening else { return [] }
        states[place] = .failed
        let actions = openNext(now: now)
        guard actions.isEmpty, !states.contains(.opening) else { return actions }
        isOver = true
        return [.lost]
    }

    /// An attempt has come up (for TLS: with its handshake); the first one wins, and the others are given up.
    package mutating func connected(_ place: Int) -> [Action] {
        guard !isOver, states.indices.contains(place), states[place] == .opening else { return [] }
        isOver = true
        nextStart = nil
        return [.won(place)] + states.indices.filter { $0 != place && states[$0] == .opening }.map { .cancel($0) }
    }

    private mutating func openNext(now: NIODeadline) -> [Action] {
        nextStart = nil
        guard !isOver, let place = states.firstIndex(of: .waiting) else { return [] }
        states[place] = .opening
        if states.contains(.waiting) { nextStart = now + delay }
        return [.open(place)]
    }

    /// The order in which addresses are tried: families take turns, that of the first address begins (RFC 8305 section
    /// 4).
    package static func order(isIPv6 families: [Bool]) -> [Int] {
        guard let first = families.first else { return [] }
        var own = families.indices.filter { families[$0] == first }[...]
        var other = families.indices.filter { families[$0] != first }[...]
        var order: [Int] = []
        while order.count < families.count {
            if let place = own.popFirst() { order.append(place) }
            if let place = other.popFirst() { order.append(place) }
        }
        return order
    }
}
