// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage
package import Telemetry

/// The token buckets of sources and their networks, and who is banned (OVL-21): one worker's, of a fixed size.
///
/// A source has its place by a seeded hash, in a set of four; one that comes new takes the place of the one that was
/// silent for longest. So charging a message costs a few comparisons and no allocation, whoever sends it. Streams and
/// datagrams are told apart, for the source of a datagram may be forged: nobody is banned for one, and no forger can use
/// up what a connection may send.
package struct SourceTable: Sendable {
    /// What becomes of a message.
    package enum Verdict: Sendable, Hashable {
        case admitted
        case limited(LimitLabel)
        /// It was the one too many: its source is banned from now on.
        case banning(LimitLabel)
        case banned
    }

    /// How many places there are.
    package static let capacity = sets * ways
    private static let sets = 4096
    private static let ways = 4

    package private(set) var limits: SourceLimits
    /// Sources that lost their place before they had been silent long enough to be forgotten.
    package private(set) var displaced: UInt64 = 0
    private(set) var places = ContiguousArray(repeating: Source(), count: Self.capacity)
    private let seed: UInt64
    private var address = Rates()
    private var network = Rates()

    package init(_ limits: SourceLimits, seed: UInt64) {
        self.limits = limits
        self.seed = seed
        adopt(limits)
    }

    /// Works by other limits from now on; what sources have used up stays used.
    package mutating func adopt(_ limits: SourceLimits) {
        self.limits = limits
        address = Rates(limits, factor: 1)
        network = Rates(limits, factor: limits.networkFactor)
    }

    /// Charges one message to its source and its network; `isProven` says whether the source cannot be forged.
    mutating func charge(
        _ source: IPAddress,
        isProven: Bool,
        _ kind: RateClass,
        bytes: Int,
        now: NIODeadline
    ) -> Verdict {
        let kind = limits.bucket(kind)
        let own = place(of: SourceKey(source, isProven: isProven), address, now: now)
        guard places[own].bannedUntil <= now else { return .banned }
        if let full = places[own].take(kind, bytes, address, now: now) {
            return strike(own, isProven: isProven, full.limit, now: now)
        }
        guard limits.networkFactor > 0 else { return .admitted }
        let shared = place(of: SourceKey(network: source, isProven: isProven), network, now: now)
        guard places[shared].take(kind, bytes, network, now: now) == nil else { return .limited(.rateNetwork) }
        return .admitted
    }

    /// Notes that a request on a connection of `source` was refused by another limit.
    mutating func refused(_ source: IPAddress, _ limit: LimitLabel, now: NIODeadline) -> Verdict {
        strike(place(of: SourceKey(source, isProven: true), address, now: now), isProven: true, limit, now: now)
    }

    /// Notes that a request of `source` was refused by a limit that nobody is banned for.
    package mutating func noteRefusal(of source: IPAddress, isProven: Bool, now: NIODeadline) {
        let index = place(of: SourceKey(source, isProven: isProven), address, now: now)
        places[index].turnWindow(limits.banWindow, now: now)
        places[index].refuse()
    }

    /// Whether an answer of a backend is one that scanners get.
    static func isFailure(_ status: UInt16) -> Bool { status == 401 || status == 403 || status == 404 }

    /// Notes how a backend answered a request of `source`; true when it is banned for it, which nobody is whose address may
    /// be forged (OVL-39).
    ///
    /// A success needs no place: those who only succeed would take the places of those who fail.
    package mutating func answered(
        _ source: IPAddress,
        isProven: Bool = true,
        status: UInt16,
        now: NIODeadline
    ) -> Bool {
        let isFailure = Self.isFailure(status)
        guard isFailure || status / 100 == 2 else { return false }
        let key = SourceKey(source, isProven: isProven)
        guard let index = isFailure ? place(of: key, address, now: now) : known(key) else { return false }
        places[index].turnWindow(limits.banWindow, now: now)
        guard isFailure else {
            places[index].succeed()
            return false
        }
        places[index].fail()
        guard isProven, limits.banFailures > 0, places[index].failures >= limits.banFailures else { return false }
        places[index].ban(until: now + limits.banTime)
        return true
    }

    /// Bans a source.
    package mutating func ban(_ source: IPAddress, until end: NIODeadline, now: NIODeadline) {
        places[place(of: SourceKey(source, isProven: true), address, now: now)].ban(until: end)
    }

    /// Whether a source is banned.
    package func isBanned(_ source: IPAddress, now: NIODeadline) -> Bool {
        known(SourceKey(source, isProven: true)).map { places[$0].bannedUntil > now } ?? false
    }

    /// Sources, networks not among them, that have a place and that are banned.
    package func counts(now: NIODeadline) -> (known: Int, banned: Int) {
        var counts = (known: 0, banned: 0)
        for source in places where source.key.isAddress {
            counts.known += 1
            if source.bannedUntil > now { counts.banned += 1 }
        }
        return counts
    }

    private mutating func strike(
        _ index: Int,
        isProven: Bool,
        _ limit: LimitLabel,
        now: NIODeadline
    ) -> Verdict {
        places[index].turnWindow(limits.banWindow, now: now)
        places[index].strike()
        guard isProven, limits.banAfter > 0 else { return .limited(limit) }
        guard places[index].strikes >= limits.banAfter else { return .limited(limit) }
        places[index].ban(until: now + limits.banTime)
        return .banning(limit)
    }

    /// The place of a source that has one.
    private func known(_ key: SourceKey) -> Int? {
        let first = key.set(seed, Self.sets) * Self.ways
        return (first..<(first + Self.ways)).first { places[$0].key == key }
    }

    /// The place of a source, which is given one when it has none.
    private mutating func place(of key: SourceKey, _ rates: Rates, now: NIODeadline) -> Int {
        let first = key.set(seed, Self.sets) * Self.ways
        var victim = first
        for index in first..<(first + Self.ways) {
            if places[index].key == key { return index }
            if places[index].yields(to: places[victim], now: now) { victim = index }
        }
        if !places[victim].isForgotten(limits.burst, now: now) { displaced &+= 1 }
        places[victim] = Source(key, tokens: rates.capacity, now: now)
        return victim
    }
}

extension RateClass {
    /// The limit that its bucket is.
    fileprivate var limit: LimitLabel {
        switch self {
        case .register: .rateRegister
        case .invite: .rateInvite
        case .other: .rateOther
        case .options: .rateOptions
        case .bytes: .rateBytes
        }
    }
}
