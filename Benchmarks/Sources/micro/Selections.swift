// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// The choice of a backend, with what the proxy core passes: who was tried, who cannot be reached, who bears how much.
extension Micro {
    static func measureSelections() {
        for count in [3, 20] {
            measureSelection("select by weight, of \(count)", pool(count))
            measureSelection("select by key, of \(count)", pool(count), key: AffinityKey(number: 7))
            for algorithm in SelectionAlgorithm.allCases where algorithm != .srv {
                measureSelection("select by \(algorithm.rawValue), of \(count)", pool(count, algorithm))
            }
        }
    }

    private static func pool(_ count: Int, _ algorithm: SelectionAlgorithm = .srv) -> PoolView {
        let id = PoolID(index: 0)
        let backends = (1...count).map { last in
            let endpoint = Endpoint(transport: .tcp, address: .v4(0xC000_0200 + UInt32(last)), port: 5060)
            return BackendView(id: BackendID(pool: id, endpoint: endpoint), name: "n\(last)", weight: UInt16(last))
        }
        return PoolView(id: id, settings: PoolSettings(name: "p", algorithm: algorithm), backends: backends)
    }

    @inline(never)
    private static func measureSelection(_ name: String, _ pool: PoolView, key: AffinityKey? = nil) {
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var loads = [BackendLoad](repeating: BackendLoad(), count: pool.backends.count)
        for index in loads.indices { loads[index].observe(.milliseconds(10), now: now) }
        let down = -1
        var seed: UInt64 = 1
        measure(name) {
            seed &+= 1
            let chosen = pool.select(
                key: key,
                locallyDown: { $0 == down },
                load: { loads[$0].cost(by: pool.algorithm, weight: pool.loadWeight(of: $0), now: now) },
                seed: seed
            )
            return (chosen?.index ?? 0) + 1
        }
    }
}
