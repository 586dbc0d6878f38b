// SPDX-License-Identifier: Apache-2.0

/// One counter for each value of a label: a fixed row of numbers, so that counting is one addition to a slot.
package struct CounterTable<Label: LabelValue>: Sendable, Hashable {
    @usableFromInline var slots: [UInt64]

    package init() {
        slots = [UInt64](repeating: 0, count: Label.allCases.count)
    }

    /// The count of one label value; an enumeration numbers its cases from 0, so there is a slot for each.
    @inlinable
    package subscript(_ label: Label) -> UInt64 {
        label.rawValue < slots.count ? slots[label.rawValue] : 0
    }

    /// Counts one.
    @inlinable
    package mutating func increment(_ label: Label) { add(1, to: label) }

    /// Counts `number`.
    @inlinable
    package mutating func add(_ number: UInt64, to label: Label) {
        guard label.rawValue < slots.count else { return }
        slots[label.rawValue] &+= number
    }

    /// Adds another worker's counts.
    package mutating func merge(_ other: CounterTable) {
        for index in slots.indices { slots[index] &+= other.slots[index] }
    }

    /// The sum over all label values.
    package var total: UInt64 { slots.reduce(0, &+) }

    /// The counts as samples, each with the labels in front; zeros too, so that a rate can be taken from the start on.
    package func samples(_ leading: [String] = []) -> [MetricSample] {
        Label.allCases.map { MetricSample(leading + [$0.label], .integer(Int64(clamping: self[$0]))) }
    }
}

/// One counter for each pair of values of two labels.
package struct CounterGrid<Row: LabelValue, Column: LabelValue>: Sendable, Hashable {
    @usableFromInline var slots: [UInt64]
    @usableFromInline let width: Int

    package init() {
        width = Column.allCases.count
        slots = [UInt64](repeating: 0, count: Row.allCases.count * width)
    }

    /// The count of one pair.
    @inlinable
    package subscript(_ row: Row, _ column: Column) -> UInt64 {
        let place = row.rawValue &* width &+ column.rawValue
        return place < slots.count ? slots[place] : 0
    }

    /// Counts one.
    @inlinable
    package mutating func increment(_ row: Row, _ column: Column) {
        let place = row.rawValue &* width &+ column.rawValue
        guard place < slots.count else { return }
        slots[place] &+= 1
    }

    /// Adds another worker's counts.
    package mutating func merge(_ other: CounterGrid) {
        for index in slots.indices { slots[index] &+= other.slots[index] }
    }

    /// The counts as samples, each with the labels in front.
    package func samples(_ leading: [String] = []) -> [MetricSample] {
        Row.allCases.flatMap { row in
            Column.allCases.map { column in
                MetricSample(leading + [row.label, column.label], .integer(Int64(clamping: self[row, column])))
            }
        }
    }
}
