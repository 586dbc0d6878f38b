// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
package import SIPMessage

/// What is remembered of one request, for `brana explain`: numbers and references, no bytes of its message.
///
/// Words are made of it when somebody asks.
package struct RequestRecord: Sendable {
    /// By what a request's way was decided.
    package enum Way: Sendable, Hashable {
        /// It was answered before that.
        case none
        /// By the route rule with that number, 0 the first.
        case route(Int)
        /// By the flow token in its Route: to a client's connection.
        case flow
        /// By the address in its Route or Request-URI.
        case address
        /// By the name in its Route or Request-URI.
        case name
    }

    /// The keyed hash of the Call-ID.
    let callKey: UInt64
    package let method: SIPMethod
    package let listener: ListenerID
    package let transport: SIPTransport
    package let sourceAddress: IPAddress
    package let sourcePort: UInt16
    /// The load balancer in front that said so.
    package let front: FlowContext.Front?
    package let startedAt: NIODeadline
    /// From the request to its final response; nil while there is none.
    package let duration: TimeAmount?
    /// The final status that went to the client; 0 when none did.
    package let status: UInt16
    /// Whether that was made here rather than by a next hop.
    package let isLocal: Bool
    /// Its phrase, where it was made here.
    package let reason: String
    /// Of the snapshot that the request worked by.
    package let generation: UInt64
    /// Whether it goes over TLS or not at all.
    package let isSecure: Bool
    package let way: Way
    package let pool: PoolID?
    /// What its affinity was kept by; nil where the pool has none.
    package let affinity: AffinityKey?
    /// Backends that the snapshot held for usable and this worker could not reach, by their place in the pool's view.
    package let passedBy: TriedBackends
    /// Backends that asked to be spared (RFC 7339), by their place in the pool's view.
    package let throttled: TriedBackends
    package let trail: AttemptTrail
    /// Whether a CANCEL came.
    package let isCancelled: Bool
    /// Whether its pool had no retry left for it (PRX-58).
    package let isOverBudget: Bool
}

/// A remembered or running request, with the view of its pool that it worked by.
package struct RequestExplanation: Sendable {
    package let record: RequestRecord
    /// Nil when the request went to no pool, or the view is kept no longer.
    package let view: PoolView?
}

/// How far back one worker remembers requests.
package struct RequestMemoryReach: Sendable, Hashable {
    /// Requests that are remembered.
    package var count = 0
    /// Requests that were remembered and are no longer.
    package var forgotten: UInt64 = 0
    /// Earlier snapshots whose pools were held and are no longer.
    package var forgottenSnapshots: UInt64 = 0
    /// Since when every INVITE is remembered; nil: since the start.
    package var invitesSince: NIODeadline?
    /// The same for other requests.
    package var othersSince: NIODeadline?

    package init(
        count: Int = 0,
        forgotten: UInt64 = 0,
        forgottenSnapshots: UInt64 = 0,
        invitesSince: NIODeadline? = nil,
        othersSince: NIODeadline? = nil
    ) {
        self.count = count
        self.forgotten = forgotten
        self.forgottenSnapshots = forgottenSnapshots
        self.invitesSince = invitesSince
        self.othersSince = othersSince
    }
}
