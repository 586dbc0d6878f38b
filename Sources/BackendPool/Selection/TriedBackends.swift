// SPDX-License-Identifier: Apache-2.0

/// The backends that one request has been sent to already, by their index in the pool view that it works on.
///
/// Nothing is allocated for a pool of up to 64 backends.
package struct TriedBackends: Sendable, Hashable {
    @usableFromInline var low: UInt64 = 0
    @usableFromInline var high: [UInt64] = []
    /// How many backends are in the set.
    package private(set) var count = 0

    @inlinable
    package init() {}

    /// Whether the backend at `index` was tried.
    @inlinable
    package func contains(_ index: Int) -> Bool {
        if index < 64 { return index >= 0 && low & (1 &<< UInt64(index)) != 0 }
        let word = index &>> 6 &- 1
        return word < high.count && high[word] & (1 &<< UInt64(index & 63)) != 0
    }

    /// Remembers the backend at `index`; a negative index is ignored.
    package mutating func insert(_ index: Int) {
        guard index >= 0, !contains(index) else { return }
        count &+= 1
        guard index >= 64 else {
            low |= 1 &<< UInt64(index)
            return
        }
        let word = index &>> 6 &- 1
        while high.count <= word { high.append(0) }
        high[word] |= 1 &<< UInt64(index & 63)
    }
}
