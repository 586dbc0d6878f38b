// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore

/// What one worker knows of backends before the control plane can say so: who failed it, and who was asked and says
/// nothing.
///
/// It only orders candidates, and suspicion only those of one priority (see `ProxyCore.select`).
struct LocalHealth {
    /// The least and the longest silence after which a backend is suspected to hang.
    static let shortestSilence = TimeAmount.milliseconds(100)
    static let longestSilence = TimeAmount.milliseconds(500)
    /// The silence is so many times what the backend takes to answer a request of that kind, within those bounds.
    static let silenceFactor = 10
    /// How long a backend that failed is passed by when the control plane says nothing of it.
    ///
    /// It is longer than probes at their default interval need to find out. After that one request is the trial.
    static let longestHold = TimeAmount.seconds(15)
    /// How long an answer proves that a backend lives.
    static let proofOfLife = TimeAmount.seconds(10)

    private var watches: [BackendID: BackendWatch] = [:]
    /// Backends that are held or suspect; zero makes every choice cheap.
    private(set) var avoided = 0
    /// Times that a backend fell under suspicion.
    private(set) var suspicions: UInt64 = 0

    /// Attempts at all backends that have had no response yet.
    var outstanding: Int { watches.values.reduce(0) { $0 + $1.outstanding } }

    /// A request leaves for a backend.
    mutating func sent(_ kind: RequestKind, to id: BackendID, now: NIODeadline) -> BackendWatch {
        let watch = watch(id)
        watch.outstanding &+= 1
        if watch.waits[kind.rawValue].silentSince == nil { watch.waits[kind.rawValue].silentSince = now }
        return watch
    }

    /// An attempt waits no longer, whatever it came to.
    mutating func ended(_ watch: BackendWatch) {
        watch.outstanding &-= 1
        guard watch.outstanding <= 0 else { return }
        watch.endSilence()
        change(watch) { $0.isSuspect = false }
    }

    /// A message came from a backend, which lives.
    ///
    /// - Parameter answer: what was asked and the time to the first response, if it is one.
    mutating func heard(_ watch: BackendWatch, answer: (kind: RequestKind, time: TimeAmount)? = nil, now: NIODeadline) {
        watch.lastHeard = now
        watch.endSilence()
        if let (kind, time) = answer {
            let before = watch.waits[kind.rawValue].usual ?? time
            watch.waits[kind.rawValue].usual = .nanoseconds(before.nanoseconds + (time - before).nanoseconds / 8)
        }
        guard watch.isSuspect || watch.hold != nil else { return }
        change(watch) { watch in
            watch.isSuspect = false
            if watch.hold?.endsByAnswer ?? false { watch.hold = nil }
        }
    }

    /// The same, of a backend that was not asked.
    mutating func heard(from id: BackendID, now: NIODeadline) {
        if let watch = watches[id] { heard(watch, now: now) }
    }

    /// A backend failed; one that refused is not there at all.
    mutating func failed(_ id: BackendID, wasRefused: Bool = false, now: NIODeadline) {
        if wasRefused { watch(id).goneAt = now }
        hold(id, until: now + Self.longestHold, endsByAnswer: true)
    }

    /// A backend asked to be left alone for some time; after that it is one like any other.
    mutating func rests(_ id: BackendID, for time: TimeAmount, now: NIODeadline) {
        guard time > .zero else { return }
        var until = now + min(time, Self.longestHold)
        if let hold = watches[id]?.hold, !hold.endsByAnswer { until = max(until, hold.until) }
        hold(id, until: until, endsByAnswer: false)
    }

    private mutating func hold(_ id: BackendID, until: NIODeadline, endsByAnswer: Bool) {
        change(watch(id)) { watch in
            let wasConfirmed = watch.hold?.wasConfirmed ?? false
            watch.hold = BackendWatch.Hold(until: until, endsByAnswer: endsByAnswer, wasConfirmed: wasConfirmed)
        }
    }

    /// A backend was chosen: one whose hold has run out is on trial now, and passed by until that is decided; one that
    /// has rested needs none.
    mutating func chosen(_ id: BackendID, now: NIODeadline) {
        guard avoided > 0, let watch = watches[id], let hold = watch.hold, hold.until <= now else { return }
        guard hold.endsByAnswer else { return change(watch) { $0.hold = nil } }
        watch.hold?.until = now + Self.longestHold
    }

    /// Takes what the control plane says: who is usable again after it was found not to be is held no longer.
    mutating func adopt(_ pools: [PoolView], now: NIODeadline) {
        for (id, watch) in watches {
            let view = Int(id.pool.index) < pools.count ? pools[Int(id.pool.index)] : nil
            guard let view, let index = view.index(of: id.endpoint) else {
                if watch.outstanding <= 0 {
                    change(watch) { $0.hold = nil }
                    watches[id] = nil
                }
                continue
            }
            if !view.backends[index].isUsable {
                watch.goneAt = now
                watch.hold?.wasConfirmed = true
            } else if watch.hold?.wasConfirmed ?? false {
                change(watch) { $0.hold = nil }
            }
        }
    }

    /// Lets time pass: who has been asked and has said nothing for too long falls under suspicion.
    mutating func advance(to now: NIODeadline) {
        for watch in watches.values where !watch.isSuspect && watch.outstanding > 0 {
            guard watch.isSilent(at: now) else { continue }
            suspicions &+= 1
            change(watch) { $0.isSuspect = true }
        }
    }

    /// Whether a backend failed here and nobody has said since that it is up.
    func isHeld(_ id: BackendID, now: NIODeadline) -> Bool {
        guard avoided > 0, let hold = watches[id]?.hold else { return false }
        return hold.until > now
    }

    /// Whether a backend was not there at some moment since then, though it may be back.
    func wasGone(_ id: BackendID, since: NIODeadline) -> Bool {
        watches[id]?.goneAt.map { $0 >= since } ?? false
    }

    func isSuspect(_ id: BackendID) -> Bool { avoided > 0 && watches[id]?.isSuspect ?? false }

    /// Whether a backend has spoken a short while ago.
    func isProven(_ id: BackendID, now: NIODeadline) -> Bool {
        guard let heard = watches[id]?.lastHeard else { return false }
        return now - heard < Self.proofOfLife
    }

    private mutating func watch(_ id: BackendID) -> BackendWatch {
        if let watch = watches[id] { return watch }
        let watch = BackendWatch(id)
        watches[id] = watch
        return watch
    }

    /// Changes a watch, and keeps the number of those avoided.
    private mutating func change(_ watch: BackendWatch, _ body: (BackendWatch) -> Void) {
        let before = watch.isSuspect || watch.hold != nil
        body(watch)
        let after = watch.isSuspect || watch.hold != nil
        if before != after { avoided += after ? 1 : -1 }
    }
}
