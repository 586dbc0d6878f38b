// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// Which backends stay in a pool although the latest resolution did not name them, because a part of the target could
/// not be asked (LOC-57), and what is known of them now.
struct KeptBackends {
    /// What could not be asked; nil when that is the target as a whole.
    let unanswered: [UnansweredPart]?
    /// For how long records serve beyond their TTL (LOC-61).
    let stale: TimeAmount
    let now: NIODeadline
    /// Whether the rules of the resolution let a backend be used at all.
    var permits: (BackendCandidate) -> Bool = { _ in true }

    /// What to hold of a backend; nil when it is to go: it could be asked for and is not there, has not been heard of for
    /// too long, or may be used no longer.
    func candidate(_ known: BackendCandidate) -> BackendCandidate? {
        if let expiresAt = known.expiresAt, expiresAt + stale <= now { return nil }
        guard permits(known) else { return nil }
        guard let unanswered else { return known }
        for part in unanswered {
            switch part {
            case .service(let name):
                if known.service == name { return known }
            case .addresses(let record, let isIPv6):
                if isIPv6 == known.endpoint.address.isIPv6, let current = Self.update(known, by: record) {
                    return current
                }
            }
        }
        return nil
    }

    /// The backend with the order and weight that its record has now; nil when the record is another one's.
    private static func update(_ known: BackendCandidate, by record: Published) -> BackendCandidate? {
        guard known.service == record.service, known.name == record.name,
            known.endpoint.transport == record.transport, known.endpoint.port == record.port
        else { return nil }
        var current = known
        current.rank = record.rank
        current.priority = record.priority
        current.weight = record.weight
        current.addressOrder = record.addressOrder
        if let plan = record.dane { current.dane = plan }
        return current
    }
}
