// SPDX-License-Identifier: Apache-2.0

extension PoolView {
    /// Who could be chosen in a selection with these arguments, and who not and why; in the order of ``backends``.
    package func explain(
        tried: TriedBackends = TriedBackends(),
        locallyDown: (Int) -> Bool = { _ in false },
        throttled: (Int) -> Bool = { _ in false }
    ) -> [SelectionNote] {
        let usable = backends.indices.filter { backends[$0].isUsable && !locallyDown($0) && !throttled($0) }
        let isPanic = usable.isEmpty
        let pool = isPanic ? backends.indices.filter { backends[$0].isUsableInPanic } : usable
        let left = Set(pool.filter { !tried.contains($0) })
        let served = firstServed(left, tried: tried)
        return backends.indices.map { index in
            let backend = backends[index]
            let standing: SelectionNote.Standing =
                if throttled(index) {
                    .throttled
                } else if served.contains(index) {
                    isPanic ? .panic : .eligible
                } else if tried.contains(index) {
                    .tried
                } else if left.contains(index) {
                    isLater(index, than: served) ? .laterPriority : .laterAddress
                } else if backend.isUsable {
                    .locallyDown
                } else {
                    .state
                }
            return SelectionNote(index: index, standing: standing, words: words(standing, backend, isPanic: isPanic))
        }
    }

    /// The backends of `left` that the draw or the key is asked about.
    private func firstServed(_ left: Set<Int>, tried: TriedBackends) -> Set<Int> {
        let open = targets.filter { $0.slots.contains(where: left.contains) }
        guard let order = open.first?.order else { return [] }
        let tier = open.filter { $0.order == order }
        let begun = tier.first { $0.slots.contains(where: tried.contains) }
        return (begun.map { [$0] } ?? tier).reduce(into: []) { served, target in
            let members = target.slots.filter(left.contains)
            let first = members.first.map { slots[$0].addressOrder }
            served.formUnion(members.filter { slots[$0].addressOrder == first })
        }
    }

    private func isLater(_ index: Int, than served: Set<Int>) -> Bool {
        guard let first = served.first else { return false }
        return SelectionTarget.order(of: backends[index]) > SelectionTarget.order(of: backends[first])
    }

    private func words(_ standing: SelectionNote.Standing, _ backend: BackendView, isPanic: Bool) -> String {
        switch standing {
        case .eligible: "eligible with priority \(backend.priority), weight \(backend.weight)"
        case .panic: "tried although it is \(backend.state.rawValue): no backend is usable"
        case .tried: "tried already by this request"
        case .locallyDown: "not reachable from this worker at present"
        case .throttled: "it asked to be spared (overload control), and the request was held back from it"
        case .state where backend.reason.isEmpty: backend.state.rawValue
        case .state: "\(backend.state.rawValue): \(backend.reason)"
        case .laterPriority where isPanic:
            "no backend is usable: priority \(backend.priority) is tried after the lower numbers"
        case .laterPriority: "priority \(backend.priority) is not used while a lower number is usable"
        case .laterAddress: "another address comes first"
        }
    }
}
