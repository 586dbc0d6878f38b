// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// The refill a second and the size of the buckets, in the order of `RateClass`; what has no limit never runs dry.
struct Rates: Sendable {
    var refill = SIMD8<Float>(repeating: 0)
    var capacity = SIMD8<Float>(repeating: .infinity)

    init() {}

    init(_ limits: SourceLimits, factor: Int) {
        let burst = limits.burst.seconds
        for (index, rate) in limits.rates.enumerated() where rate > 0 {
            refill[index] = Float(rate) * Float(factor)
            capacity[index] = max(1, refill[index] * burst)
        }
    }
}

/// Whom a place belongs to: an address or its network, over streams or datagrams.
struct SourceKey: Sendable, Hashable {
    private let high: UInt64
    private let low: UInt64
    /// 0: nobody; 1 and 2: an address and a network over streams; 3 and 4: over datagrams.
    private let kind: UInt64

    static let nobody = SourceKey(high: 0, low: 0, kind: 0)

    private init(high: UInt64, low: UInt64, kind: UInt64) {
        self.high = high
        self.low = low
        self.kind = kind
    }

    init(_ address: IPAddress, isProven: Bool) {
        let kind: UInt64 = isProven ? 1 : 3
        switch address.unmapped {
        case .v4(let value): self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(value), kind: kind)
        case .v6(let high, let low): self.init(high: high, low: low, kind: kind)
        }
    }

    /// The /24 or /48 that an address is in.
    init(network address: IPAddress, isProven: Bool) {
        let kind: UInt64 = isProven ? 2 : 4
        switch address.unmapped {
        case .v4(let value): self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(value & 0xFFFF_FF00), kind: kind)
        case .v6(let high, _): self.init(high: high & 0xFFFF_FFFF_FFFF_0000, low: 0, kind: kind)
        }
    }

    var isAddress: Bool { kind == 1 || kind == 3 }

    /// The address, of connections or of datagrams; nil for a network.
    var address: IPAddress? { isAddress ? IPAddress.v6(high: high, low: low).unmapped : nil }

    /// Whether connections came from it, so that nobody has forged it.
    var isProven: Bool { kind == 1 }

    /// The set that it belongs to, of `count`, a power of two.
    func set(_ seed: UInt64, _ count: Int) -> Int {
        let word = StableHash.mix(StableHash.mix(StableHash.mix(seed ^ high) ^ low) ^ kind)
        return Int(word & UInt64(count &- 1))
    }
}

/// What is known of one source or network.
struct Source: Sendable {
    private(set) var key = SourceKey.nobody
    private var tokens = SIMD8<Float>(repeating: 0)
    /// When the tokens were counted, and when it was last heard of in any way.
    private var filledAt = NIODeadline.uptimeNanoseconds(0)
    private var seen = NIODeadline.uptimeNanoseconds(0)
    private var windowSince = NIODeadline.uptimeNanoseconds(0)
    /// Times above a limit, and failures less successes, in the window.
    private(set) var strikes = 0
    private(set) var failures = 0
    /// The same since it has its place, and failures alone.
    private(set) var refused: UInt64 = 0
    private(set) var allFailures: UInt64 = 0
    private(set) var bannedUntil = NIODeadline.uptimeNanoseconds(0)

    init() {}

    init(_ key: SourceKey, tokens: SIMD8<Float>, now: NIODeadline) {
        self.key = key
        self.tokens = tokens
        filledAt = now
        seen = now
        windowSince = now
    }

    /// Takes a token of a kind, and one for each byte; gives the bucket that has none.
    ///
    /// A message may overdraw the bucket of bytes, so that one that is larger than it passes once in a while.
    mutating func take(_ kind: RateClass, _ bytes: Int, _ rates: Rates, now: NIODeadline) -> RateClass? {
        tokens = pointwiseMin(tokens + (now - filledAt).seconds * rates.refill, rates.capacity)
        filledAt = now
        seen = now
        guard tokens[kind.rawValue] >= 1 else { return kind }
        guard tokens[RateClass.bytes.rawValue] > 0 else { return .bytes }
        tokens[kind.rawValue] -= 1
        tokens[RateClass.bytes.rawValue] -= Float(bytes)
        return nil
    }

    /// Begins to count anew when the time over which is counted is over.
    mutating func turnWindow(_ length: TimeAmount, now: NIODeadline) {
        seen = now
        guard now - windowSince > length else { return }
        windowSince = now
        strikes = 0
        failures = 0
    }

    /// Notes a request above a limit.
    mutating func strike() {
        strikes &+= 1
        refused &+= 1
    }

    /// Notes a request that was refused for another reason.
    mutating func refuse() { refused &+= 1 }

    /// Notes a request that failed at a backend.
    mutating func fail() {
        failures &+= 1
        allFailures &+= 1
    }

    /// Notes one that succeeded: a challenge that was met was none of a scanner's.
    mutating func succeed() { failures = max(0, failures - 1) }

    mutating func ban(until end: NIODeadline) {
        bannedUntil = end
        strikes = 0
        failures = 0
    }

    /// Whether its place is given away rather than that of `other`: those who are banned keep theirs longest.
    func yields(to other: Source, now: NIODeadline) -> Bool {
        let (isBanned, otherIsBanned) = (bannedUntil > now, other.bannedUntil > now)
        return isBanned == otherIsBanned ? seen < other.seen : otherIsBanned
    }

    /// Whether nothing would be lost with it: its buckets have filled up again.
    func isForgotten(_ burst: TimeAmount, now: NIODeadline) -> Bool {
        key == .nobody || (bannedUntil <= now && now - seen >= burst)
    }
}
