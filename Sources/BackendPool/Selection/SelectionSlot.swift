// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// What a selection reads of one backend, apart from the words that only output needs.
@usableFromInline
struct SelectionSlot: Sendable {
    /// The hash of the endpoint, for the rendezvous among one target's addresses.
    @usableFromInline let seed: UInt64
    @usableFromInline let percent: UInt8
    @usableFromInline let addressOrder: UInt8
    @usableFromInline let isUsable: Bool
    @usableFromInline let isUsableInPanic: Bool

    init(_ backend: BackendView) {
        seed = RendezvousHash.seed(of: backend.endpoint)
        percent = backend.rampPercent
        addressOrder = backend.addressOrder
        isUsable = backend.isUsable
        isUsableInPanic = backend.isUsableInPanic
    }
}

/// The addresses of one SRV record: they share its weight, so that a target with three addresses gets no more than one
/// with a single address (RFC 2782 weighs targets, not addresses).
@usableFromInline
struct SelectionTarget: Sendable {
    /// The rank of the NAPTR record and the priority as one number: the lowest is served first.
    @usableFromInline let order: UInt32
    @usableFromInline let weight: UInt16
    /// The places of its addresses in the view.
    @usableFromInline let slots: Range<Int>
    /// The hash of the target's name, for the rendezvous among targets.
    @usableFromInline let seed: UInt64

    init(first: BackendView, slots: Range<Int>) {
        order = Self.order(of: first)
        weight = first.weight
        self.slots = slots
        seed = RendezvousHash.seed(ofTarget: first.name, port: first.endpoint.port)
    }

    static func order(of backend: BackendView) -> UInt32 {
        UInt32(backend.rank) << 16 | UInt32(backend.priority)
    }

    /// Whether two neighbours in the sorted list are addresses of one SRV record.
    static func sameTarget(_ left: BackendView, _ right: BackendView) -> Bool {
        order(of: left) == order(of: right) && left.name == right.name
            && left.endpoint.port == right.endpoint.port && left.endpoint.transport == right.endpoint.transport
    }
}
