// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import SIPMessage

/// Which address family of a target worked last, where the preferred one did not (LOC-44, RFC 8305 section 3.1).
///
/// For a while requests start with it, so that each does not begin with a failure.
package struct FamilyMemory: Sendable, Hashable {
    /// How long it is remembered.
    package static let length = TimeAmount.minutes(10)

    /// One SRV record, or one host.
    private struct Target: Hashable {
        let service: String
        let name: String
        let transport: SIPTransport
        let port: UInt16

        init(_ candidate: BackendCandidate) {
            service = candidate.service
            name = candidate.name
            transport = candidate.endpoint.transport
            port = candidate.endpoint.port
        }
    }

    private struct Working: Hashable {
        let isIPv6: Bool
        let until: NIODeadline
    }

    private var working: [Target: Working] = [:]

    package init() {}

    /// Remembers that a backend has served while the other family of its target did not.
    mutating func note(_ candidate: BackendCandidate, now: NIODeadline) {
        working[Target(candidate)] = Working(isIPv6: candidate.endpoint.address.isIPv6, until: now + Self.length)
    }

    /// Forgets what is over, or belongs to no backend any more.
    mutating func prune(keeping candidates: some Sequence<BackendCandidate>, now: NIODeadline) {
        guard !working.isEmpty else { return }
        let present = Set(candidates.map(Target.init))
        working = working.filter { now < $0.value.until && present.contains($0.key) }
    }

    /// The order of a backend's address among those of its target.
    func order(of candidate: BackendCandidate, now: NIODeadline) -> UInt8 {
        guard let family = working[Target(candidate)], now < family.until else { return candidate.addressOrder }
        return candidate.endpoint.address.isIPv6 == family.isIPv6 ? 0 : 1
    }

    /// When the next memory ends; nil when there is none.
    func nextEnd(after now: NIODeadline) -> NIODeadline? { working.values.map(\.until).filter { $0 > now }.min() }
}
