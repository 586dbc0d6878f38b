// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import TestSupport

extension Endpoint {
    /// The documentation address (RFC 5737) with the last byte `last`, on TCP port 5060.
    static func sample(_ last: UInt32, port: UInt16 = 5060, transport: SIPTransport = .tcp) -> Endpoint {
        Endpoint(transport: transport, address: .v4(0xC000_0200 + last), port: port)
    }
}

extension BackendID {
    static func sample(_ last: UInt32) -> BackendID { BackendID(pool: PoolID(index: 0), endpoint: .sample(last)) }
}

extension PoolView {
    typealias Record = (name: String, priority: UInt16, weight: UInt16)

    /// A pool of targets with one address each, 192.0.2.1 and on in the order given.
    static func sample(_ records: [Record], affinity: AffinityPolicy = .none, down: Set<String> = []) -> PoolView {
        let backends = records.enumerated().map { place, record in
            let isUp = !down.contains(record.name)
            return BackendView(
                id: .sample(UInt32(place + 1)),
                name: record.name,
                priority: record.priority,
                weight: record.weight,
                state: isUp ? .up : .down,
                isUsable: isUp
            )
        }
        return PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p", affinity: affinity), backends: backends)
    }

    /// The same pool with the named targets down.
    func marking(down names: Set<String>) -> PoolView {
        let records = backends.sorted { $0.endpoint.address.number < $1.endpoint.address.number }
            .map { (name: $0.name, priority: $0.priority, weight: $0.weight) }
        return .sample(records, affinity: affinity, down: names)
    }

    /// How often each target is chosen in `draws` first selections.
    func drawnCounts(_ draws: Int, seed: UInt64 = 1, tried: TriedBackends = TriedBackends()) -> [String: Int] {
        var generator = SeededGenerator(seed: seed)
        var counts: [String: Int] = [:]
        for _ in 0..<draws {
            guard let selection = select(tried: tried, using: &generator) else { continue }
            counts[backends[selection.index].name, default: 0] += 1
        }
        return counts
    }
}

extension IPAddress {
    /// The number of an IPv4 address.
    var number: UInt32 { if case .v4(let number) = self { number } else { 0 } }
}
