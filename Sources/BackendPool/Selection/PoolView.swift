// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// One pool as a snapshot shows it to the data plane: immutable, and worked on by a request from start to end (LOC-64).
///
/// It is a class so that a transaction keeps it for the price of one reference.
package final class PoolView: Sendable {
    package let id: PoolID
    package let settings: PoolSettings
    /// Sorted by rank, priority, target name, address order, address and port.
    package let backends: [BackendView]
    /// How many backends are usable.
    package let usableCount: Int
    /// How many backends DNS published beyond the limit of the pool; they are not used.
    package let truncatedCount: Int

    @usableFromInline let slots: [SelectionSlot]
    @usableFromInline let targets: [SelectionTarget]
    /// Whether two draws are compared by load.
    let comparesLoad: Bool
    /// One a backend where load is compared, else none.
    let loadShares: [LoadShare]
    private let indexByEndpoint: [Endpoint: Int]

    package var name: String { settings.name }
    package var targetText: String { settings.targetText }
    package var affinity: AffinityPolicy { settings.affinity }
    package var algorithm: SelectionAlgorithm { settings.algorithm }
    package var referenceDomain: String { settings.referenceDomain }
    package var tlsProfileName: String? { settings.tlsProfileName }
    package var firstResponse: FirstResponseLimits? { settings.firstResponse }
    /// Whether new requests have a place to go (OVL-33).
    package var hasUsable: Bool { usableCount > 0 }

    package init(id: PoolID, settings: PoolSettings, backends: [BackendView], truncatedCount: Int = 0) {
        let sorted = backends.sorted(by: Self.precedes)
        self.id = id
        self.settings = settings
        self.backends = sorted
        self.truncatedCount = truncatedCount
        usableCount = sorted.count { $0.isUsable }
        slots = sorted.map(SelectionSlot.init)
        targets = Self.targets(of: sorted)
        comparesLoad = settings.algorithm.comparesLoad
        loadShares = comparesLoad ? LoadShare.all(targets, slots) : []
        indexByEndpoint = Dictionary(
            sorted.indices.map { (sorted[$0].endpoint, $0) },
            uniquingKeysWith: { old, _ in old }
        )
    }

    /// The place of the backend at `endpoint`, such as one that a dialog's route names; nil when the pool has none.
    package func index(of endpoint: Endpoint) -> Int? { indexByEndpoint[endpoint] }

    private static func precedes(_ left: BackendView, _ right: BackendView) -> Bool {
        let orders = (SelectionTarget.order(of: left), SelectionTarget.order(of: right))
        if orders.0 != orders.1 { return orders.0 < orders.1 }
        if left.name != right.name { return left.name < right.name }
        // The addresses of one record stay together, whatever else publishes the same name.
        if left.endpoint.transport != right.endpoint.transport {
            return left.endpoint.transport < right.endpoint.transport
        }
        if left.endpoint.port != right.endpoint.port { return left.endpoint.port < right.endpoint.port }
        if left.addressOrder != right.addressOrder { return left.addressOrder < right.addressOrder }
        return left.endpoint.address.sortKey < right.endpoint.address.sortKey
    }

    private static func targets(of backends: [BackendView]) -> [SelectionTarget] {
        var targets: [SelectionTarget] = []
        var start = 0
        for index in backends.indices {
            let next = index + 1
            if next < backends.count, SelectionTarget.sameTarget(backends[index], backends[next]) { continue }
            targets.append(SelectionTarget(first: backends[index], slots: start..<next))
            start = next
        }
        return targets
    }
}

extension IPAddress {
    /// The address as three numbers that sort IPv4 before IPv6 and each family by its number.
    fileprivate var sortKey: (UInt8, UInt64, UInt64) {
        switch self {
        case .v4(let address): (4, 0, UInt64(address))
        case .v6(let high, let low): (6, high, low)
        }
    }
}
