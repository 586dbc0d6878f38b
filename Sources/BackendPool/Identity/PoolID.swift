// SPDX-License-Identifier: Apache-2.0

/// Which pool of one snapshot is meant: its place in the configuration, a number that is cheap to compare and copy.
package struct PoolID: Sendable, Hashable, Comparable {
    package let index: UInt16

    @inlinable
    package init(index: UInt16) {
        self.index = index
    }

    @inlinable
    package static func < (left: Self, right: Self) -> Bool { left.index < right.index }
}
