// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Addresses that have shown over UDP that they get what is sent to them, so that nobody has forged them (OVL-23).
///
/// One word of evidence each, by a seeded hash, in a table of a fixed size: who loses its place to another is unknown
/// again, and no worse off than at first.
struct ShownSources {
    /// For how long an address is known to belong to whoever has shown itself there.
    static let lifetime = TimeAmount.hours(1)
    private static let count = 4096

    private struct Mark {
        var address: UInt64 = 0
        var until = NIODeadline.distantPast
    }

    private var marks = ContiguousArray(repeating: Mark(), count: Self.count)
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    func contains(_ address: IPAddress, now: NIODeadline) -> Bool {
        let hash = hash(of: address)
        let mark = marks[Self.place(of: hash)]
        return mark.address == hash && now < mark.until
    }

    mutating func insert(_ address: IPAddress, now: NIODeadline) {
        let hash = hash(of: address)
        marks[Self.place(of: hash)] = Mark(address: hash, until: now + Self.lifetime)
    }

    private static func place(of hash: UInt64) -> Int { Int(hash >> 52) }

    private func hash(of address: IPAddress) -> UInt64 {
        switch address.unmapped {
        case .v4(let value): StableHash.mix(StableHash.mix(seed ^ UInt64(value)) ^ 4)
        case .v6(let high, let low): StableHash.mix(StableHash.mix(StableHash.mix(seed ^ high) ^ low) ^ 6)
        }
    }
}
