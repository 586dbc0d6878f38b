// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage

/// Small counts by key, for every request.
///
/// Open addressing with a seeded hash: a count costs one look at memory, and memory is asked for only while more keys have a
/// count than ever before. A key whose count is nothing is not kept.
struct HeldCounts {
    /// What is counted: a source, of connections or of datagrams, or one connection.
    struct Key: Equatable {
        private let value: UInt64
        private let kind: UInt32

        /// A source: an IPv4 address, or the /64 that an IPv6 one is in, all of which one subscriber has.
        ///
        /// Anybody may forge where a datagram comes from: `isProven` keeps connections apart.
        init(_ source: IPAddress, isProven: Bool) {
            switch source.unmapped {
            case .v4(let address): (value, kind) = (UInt64(address), isProven ? 1 : 2)
            case .v6(let network, _): (value, kind) = (network, isProven ? 3 : 4)
            }
        }

        init(_ connection: FlowID) { (value, kind) = (connection.rawValue, 5) }

        /// Nobody, as in a free place.
        fileprivate init() { (value, kind) = (0, 0) }

        fileprivate func hash(_ seed: UInt64) -> UInt64 { StableHash.mix(StableHash.mix(seed ^ value) ^ UInt64(kind)) }
    }

    private struct Place {
        var key = Key()
        var held: UInt32 = 0
    }

    private var places = ContiguousArray(repeating: Place(), count: 1024)
    private let seed: UInt64
    /// Keys that have a count.
    private(set) var count = 0

    init(seed: UInt64) { self.seed = seed }

    /// Counts one more for a key that has fewer than `limit`.
    mutating func add(_ key: Key, below limit: Int) -> Bool {
        let place = place(of: key)
        let held = places[place].held
        guard Int(held) < limit else { return false }
        places[place].held = held &+ 1
        guard held == 0 else { return true }
        places[place].key = key
        count += 1
        // Half of the places stay free, so that few are looked at.
        if count > places.count / 2 { grow() }
        return true
    }

    /// Counts one fewer.
    mutating func subtract(_ key: Key) {
        let place = place(of: key)
        guard places[place].held > 0 else { return }
        places[place].held &-= 1
        if places[place].held == 0 { free(place) }
    }

    private func home(of key: Key) -> Int {
        Int(truncatingIfNeeded: key.hash(seed)) & (places.count &- 1)
    }

    /// Where a key is, or else would be.
    private func place(of key: Key) -> Int {
        var place = home(of: key)
        while places[place].held > 0, places[place].key != key { place = (place &+ 1) & (places.count &- 1) }
        return place
    }

    /// Empties a place, and moves up what stands behind it because that was taken.
    private mutating func free(_ emptied: Int) {
        let mask = places.count &- 1
        var (hole, next) = (emptied, emptied)
        while true {
            next = (next &+ 1) & mask
            guard places[next].held > 0 else { break }
            let distance = (next &- home(of: places[next].key)) & mask
            guard distance >= (next &- hole) & mask else { continue }
            places[hole] = places[next]
            hole = next
        }
        places[hole] = Place()
        count -= 1
    }

    private mutating func grow() {
        let old = places
        places = ContiguousArray(repeating: Place(), count: old.count * 2)
        for entry in old where entry.held > 0 { places[place(of: entry.key)] = entry }
    }
}
