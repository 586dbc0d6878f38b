// SPDX-License-Identifier: Apache-2.0

/// The number of a worker, which owns one event loop and all that lives on it.
package typealias WorkerIndex = UInt16

/// One live flow of this process: the worker that owns it, and a serial that is never used again (FLW-11).
package struct FlowID: Sendable, Hashable {
    package let rawValue: UInt64

    @inlinable
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// `serial` counts the flows of one worker from the start of the process, above a base that differs by start.
    @inlinable
    package init(worker: WorkerIndex, serial: UInt64) {
        rawValue = UInt64(worker) << 48 | (serial & 0xFFFF_FFFF_FFFF)
    }

    @inlinable
    package var worker: WorkerIndex { WorkerIndex(truncatingIfNeeded: rawValue >> 48) }
}

/// One attempt to send a request to one next hop; names the client transaction to the driver.
package struct AttemptID: Sendable, Hashable {
    package let slot: UInt32
    package let nonce: UInt64

    @inlinable
    package init(slot: UInt32, nonce: UInt64) {
        self.slot = slot
        self.nonce = nonce
    }
}

/// A question for the resolver, asked for one request whose next hop is a name.
package struct ResolutionID: Sendable, Hashable {
    package let rawValue: UInt64

    @inlinable
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// The number of a listener in the snapshot; it stays the same over reloads as long as the listener does.
package struct ListenerID: Sendable, Hashable {
    package let index: UInt8

    @inlinable
    package init(index: UInt8) {
        self.index = index
    }
}
