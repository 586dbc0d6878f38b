// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore

/// What one worker has seen of one backend.
final class BackendWatch {
    let id: BackendID
    /// Attempts that have had no response yet.
    var outstanding = 0
    /// When the first request left since the backend was last heard.
    var silentSince: NIODeadline?
    var lastHeard: NIODeadline?
    /// The smoothed time to its first response; nil before there was one.
    var responseTime: TimeAmount?
    var isSuspect = false
    var hold: Hold?

    /// A backend that failed is passed by.
    struct Hold {
        var until: NIODeadline
        /// Whether an answer proves it wrong; one that asks for rest answers all the same.
        let endsByAnswer: Bool
        /// Whether a snapshot has said since that the backend is not usable.
        var wasConfirmed = false
    }

    init(_ id: BackendID) { self.id = id }
}

/// What one worker knows of backends before the control plane can say so: who failed it, and who was asked and says
/// nothing.
///
/// It only chooses among candidates: where all of them are avoided none is (see `ProxyCore.select`).
struct LocalHealth {
    /// The least and the longest silence after which a backend is suspected to hang.
    static let shortestSilence = TimeAmount.milliseconds(100)
    static let longestSilence = TimeAmount.milliseconds(500)
    /// The silence is so many times what the backend takes to answer, within those bounds.
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

    /// A request leaves for a backend.
    mutating func sent(to id: BackendID, now: NIODeadline) -> BackendWatch {
        let watch = watch(id)
        watch.outstanding &+= 1
        if watch.silentSince == nil { watch.silentSince = now }
        return watch
    }

    /// An attempt waits no longer, whatever it came to.
    mutating func ended(_ watch: BackendWatch) {
        watch.outstanding &-= 1
        guard watch.outstanding <= 0 else { return }
        watch.silentSince = nil
        change(watch) { $0.isSuspect = false }
    }

    /// A message came from a backend, which lives.
    ///
    /// - Parameter responseTime: the time to a first response, if it is one.
    mutating func heard(_ watch: BackendWatch, responseTime: TimeAmount? = nil, now: NIODeadline) {
        watch.lastHeard = now
        watch.silentSince = nil
        if let responseTime {
            let before = watch.responseTime ?? responseTime
            watch.responseTime = .nanoseconds(before.nanoseconds + (responseTime - before).nanoseconds / 8)
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

    /// A backend failed, or asked to be left alone.
    mutating func failed(_ id: BackendID, endsByAnswer: Bool, now: NIODeadline) {
        let watch = watch(id)
        change(watch) { watch in
            let wasConfirmed = watch.hold?.wasConfirmed ?? false
            watch.hold = BackendWatch.Hold(
                until: now + Self.longestHold,
                endsByAnswer: endsByAnswer,
                wasConfirmed: wasConfirmed
            )
        }
    }

    /// A backend was chosen: one whose hold has run out is on trial now, and passed by until that is decided.
    mutating func chosen(_ id: BackendID, now: NIODeadline) {
        guard avoided > 0, let hold = watches[id]?.hold, hold.until <= now else { return }
        watches[id]?.hold?.until = now + Self.longestHold
    }

    /// Takes what the control plane says: who is usable again after it was found not to be is held no longer.
    mutating func adopt(_ pools: [PoolView]) {
        for (id, watch) in watches {
            let view = Int(id.pool.index) < pools.count ? pools[Int(id.pool.index)] : nil
            guard let view, let index = view.index(of: id.endpoint) else {
                if watch.outstanding <= 0 {
                    change(watch) { $0.hold = nil }
                    watches[id] = nil
                }
                continue
            }
            guard let hold = watch.hold else { continue }
            if !view.backends[index].isUsable {
                watch.hold?.wasConfirmed = true
            } else if hold.wasConfirmed {
                change(watch) { $0.hold = nil }
            }
        }
    }

    /// Lets time pass: who has been asked and has said nothing for too long falls under suspicion.
    mutating func advance(to now: NIODeadline) {
        for watch in watches.values where !watch.isSuspect {
            guard let since = watch.silentSince, now - since >= Self.silence(of: watch) else { continue }
            suspicions &+= 1
            change(watch) { $0.isSuspect = true }
        }
    }

    /// Whether a backend failed here and nobody has said since that it is up.
    func isHeld(_ id: BackendID, now: NIODeadline) -> Bool {
        guard avoided > 0, let hold = watches[id]?.hold else { return false }
        return hold.until > now
    }

    func isSuspect(_ id: BackendID) -> Bool { avoided > 0 && watches[id]?.isSuspect ?? false }

    /// Whether a backend has spoken a short while ago.
    func isProven(_ id: BackendID, now: NIODeadline) -> Bool {
        guard let heard = watches[id]?.lastHeard else { return false }
        return now - heard < Self.proofOfLife
    }

    /// How long a backend may say nothing while it is asked.
    static func silence(of watch: BackendWatch) -> TimeAmount {
        guard let usual = watch.responseTime else { return longestSilence }
        return min(max(usual * silenceFactor, shortestSilence), longestSilence)
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
