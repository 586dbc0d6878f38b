// SPDX-License-Identifier: Apache-2.0

/// Counters by a small number, as that of a pool or a listener, and by the value of a label.
///
/// Rows are made when they are first counted in; counting in one that is there is one addition to a slot.
package struct CounterRows<Label: LabelValue>: Sendable, Hashable {
    private var slots: [UInt64] = []

    package init() {}

    /// The count of one label value in one row; 0 where none was made.
    package subscript(_ row: Int, _ label: Label) -> UInt64 {
        let place = row * Label.allCases.count + label.rawValue
        return slots.indices.contains(place) ? slots[place] : 0
    }

    /// Counts one.
    package mutating func increment(_ row: Int, _ label: Label) {
        let width = Label.allCases.count
        let end = (row + 1) * width
        if slots.count < end { slots.append(contentsOf: repeatElement(0, count: end - slots.count)) }
        slots[end - width + label.rawValue] &+= 1
    }

    /// Adds another worker's counts.
    package mutating func merge(_ other: CounterRows) {
        if slots.count < other.slots.count {
            slots.append(contentsOf: repeatElement(0, count: other.slots.count - slots.count))
        }
        for index in other.slots.indices { slots[index] &+= other.slots[index] }
    }

    /// The counts of one row.
    package subscript(_ row: Int) -> CounterTable<Label> {
        var table = CounterTable<Label>()
        for label in Label.allCases { table.add(self[row, label], to: label) }
        return table
    }
}
