// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore

/// What this worker has under way at each backend of the pools that balance by load; nothing is kept of the others.
///
/// An entry is found by a backend's place in the newest view of its pool, so a selection hashes nothing. It outlives
/// the view as long as an attempt counts in it.
struct BackendLoads {
    private var entries: [BackendLoad] = []
    private var free: [Int] = []
    private var places: [BackendID: Int] = [:]
    /// By `PoolID.index`: the newest view, and the place of the entry of each of its backends.
    private var views: [(view: ObjectIdentifier, places: [Int])] = []

    /// Entries that are kept.
    var count: Int { places.count }

    /// Attempts that count at present.
    var outstanding: Int { entries.reduce(0) { $0 + $1.outstanding } }

    /// Takes the pools of a new snapshot: backends that stay keep their load.
    mutating func adopt(_ pools: [PoolView]) {
        guard !places.isEmpty || pools.contains(where: { $0.algorithm.comparesLoad }) else {
            views = []
            return
        }
        var named: Set<BackendID> = []
        views = pools.map { pool in
            guard pool.algorithm.comparesLoad else { return (ObjectIdentifier(pool), []) }
            let places = pool.backends.map { backend in
                named.insert(backend.id)
                return place(of: backend.id)
            }
            return (ObjectIdentifier(pool), places)
        }
        for (id, place) in places where !named.contains(id) && entries[place].outstanding == 0 {
            places[id] = nil
            free.append(place)
        }
    }

    /// The place of a backend's entry; nil where loads are not kept.
    ///
    /// `view` may be older than the newest, for a request goes on by the snapshot that it began with.
    func place(of index: Int, in view: PoolView) -> Int? {
        guard view.algorithm.comparesLoad else { return nil }
        let pool = Int(view.id.index)
        if pool < views.count, views[pool].view == ObjectIdentifier(view) {
            return index < views[pool].places.count ? views[pool].places[index] : nil
        }
        return index < view.backends.count ? places[view.backends[index].id] : nil
    }

    /// The load of a backend; none where it is not kept.
    func load(of index: Int, in view: PoolView) -> BackendLoad {
        place(of: index, in: view).map { entries[$0] } ?? BackendLoad()
    }

    /// The number that the choice of a pool goes by.
    func cost(of index: Int, in view: PoolView, now: NIODeadline) -> Double {
        guard let place = place(of: index, in: view) else { return 0 }
        return entries[place].cost(by: view.algorithm, weight: view.loadWeight(of: index), now: now)
    }

    mutating func begin(_ place: Int) { entries[place].begin() }

    mutating func end(_ place: Int) { entries[place].end() }

    mutating func observe(_ duration: TimeAmount, at place: Int, now: NIODeadline) {
        entries[place].observe(duration, now: now)
    }

    private mutating func place(of id: BackendID) -> Int {
        if let place = places[id] { return place }
        let place = free.popLast() ?? entries.count
        if place == entries.count {
            entries.append(BackendLoad())
        } else {
            entries[place] = BackendLoad()
        }
        places[id] = place
        return place
    }
}
