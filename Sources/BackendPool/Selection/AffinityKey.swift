// SPDX-License-Identifier: Apache-2.0

/// The hashed bytes that decide a request's backend (LOC-56).
///
/// The hash is fixed, so that every edge of a fleet and every restart computes the same backend for the same bytes;
/// Swift's own `Hasher` is seeded anew in each process.
package struct AffinityKey: Sendable, Hashable {
    package let hash: UInt64

    /// A key of bytes that lie in memory, such as a Call-ID inside the received message.
    @inlinable
    package init(bytes: UnsafeRawBufferPointer) {
        hash = StableHash.hash(bytes)
    }

    /// A key of a value's bytes.
    @inlinable
    package init(_ bytes: some Sequence<UInt8>) {
        let fast = bytes.withContiguousStorageIfAvailable { StableHash.hash(UnsafeRawBufferPointer($0)) }
        if let fast {
            hash = fast
        } else {
            hash = Array(bytes).withUnsafeBytes { StableHash.hash($0) }
        }
    }

    /// A key of a number, such as a connection's serial.
    @inlinable
    package init(number: UInt64) {
        hash = StableHash.mix(number ^ StableHash.seed)
    }
}
