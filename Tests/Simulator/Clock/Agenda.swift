// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What is to happen, in the order of virtual time; what is due at one time happens in the order in which it was put
/// down.
package final class Agenda {
    private struct Entry {
        let time: NIODeadline
        let number: UInt64
        let body: () -> Void

        func precedes(_ other: Entry) -> Bool { time == other.time ? number < other.number : time < other.time }
    }

    static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    package private(set) var now = Agenda.beginning
    private var heap: [Entry] = []
    private var next: UInt64 = 0

    /// Seconds since the beginning.
    package var elapsed: Double { Double((now - Self.beginning).nanoseconds) / 1e9 }

    package var isEmpty: Bool { heap.isEmpty }

    package func after(_ time: TimeAmount, _ body: @escaping () -> Void) { at(now + time, body) }

    package func at(_ time: NIODeadline, _ body: @escaping () -> Void) {
        next += 1
        heap.append(Entry(time: max(time, now), number: next, body: body))
        var place = heap.count - 1
        while place > 0, heap[place].precedes(heap[(place - 1) / 2]) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Does the next thing, if it is due until `end`; false when nothing is.
    package func doNext(until end: NIODeadline) -> Bool {
        guard let first = heap.first, first.time <= end else { return false }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        now = first.time
        first.body()
        return true
    }

    /// Lets time pass to `end`, as far as `goesOn`.
    package func run(until end: NIODeadline, while goesOn: () -> Bool = { true }) {
        while goesOn(), doNext(until: end) {}
        if goesOn() { now = max(now, end) }
    }

    /// Forgets everything, so that nothing holds anything.
    package func clear() { heap = [] }

    private func sink() {
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].precedes(heap[least]) {
                least = child
            }
            guard least != place else { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
