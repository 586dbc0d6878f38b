// SPDX-License-Identifier: Apache-2.0

extension PoolView {
    /// The places of all addresses of the SRV target that the backend at `index` is an address of, the preferred family
    /// first.
    package func addresses(ofTargetOf index: Int) -> Range<Int> {
        targets.first { $0.slots.contains(index) }?.slots ?? index..<index
    }

    /// Whether two backends stand in one tier: none of it is used before the other for its records alone.
    package func sharePriority(_ one: Int, _ other: Int) -> Bool {
        SelectionTarget.order(of: backends[one]) == SelectionTarget.order(of: backends[other])
    }
}
