// SPDX-License-Identifier: Apache-2.0

/// The backend that one attempt of a request goes to.
package struct Selection: Sendable, Hashable {
    /// The backend's place in the ``PoolView`` that was asked.
    package let index: Int
    /// Whether no backend was usable and this one is tried all the same (LOC-54).
    package let isPanic: Bool

    @inlinable
    package init(index: Int, isPanic: Bool) {
        self.index = index
        self.isPanic = isPanic
    }
}
