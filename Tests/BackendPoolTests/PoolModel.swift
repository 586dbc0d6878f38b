// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// A second, plainer account of what a pool must do, for comparison.
///
/// It keeps the whole history of each backend and
/// works every answer out of it anew. Times are seconds; fall is 2, rise 1, everything else by default.
struct PoolModel {
    enum Event {
        case pass, fail
        case reject(retryAfter: Int?)
        case answered, timedOut, refused
        case busy(retryAfter: Int)
        case administrative(AdministrativeState)
    }

    struct Backend {
        var published = true
        var vanished = 0
        var history: [(time: Int, event: Event, mayEject: Bool)] = []
    }

    var backends: [Endpoint: Backend] = [:]
    var now = 0

    mutating func apply(_ endpoints: [Endpoint]) {
        for endpoint in endpoints { backends[endpoint, default: Backend()].published = true }
        for endpoint in backends.keys where !endpoints.contains(endpoint) && backends[endpoint]?.published == true {
            backends[endpoint]?.published = false
            backends[endpoint]?.vanished = now
        }
    }

    mutating func removeDrained() {
        backends = backends.filter { $0.value.published || now < $0.value.vanished + 600 }
    }

    mutating func note(_ event: Event, _ endpoint: Endpoint) {
        let others = backends.filter { $0.key != endpoint && $0.value.published }.keys
        let ejected = others.count { verdict(of: $0).word == .ejected }
        let mayEject = (ejected + 1) * 2 <= backends.values.count { $0.published }
        backends[endpoint]?.history.append((now, event, mayEject))
    }

    /// The state of a backend as a word, and whether it takes new requests when another does too.
    func state(of endpoint: Endpoint) -> BackendState {
        let word = verdict(of: endpoint).word
        return backends[endpoint]?.published == false && word != .disabled ? .draining : word
    }

    func mayPanic(_ endpoint: Endpoint) -> Bool {
        let verdict = verdict(of: endpoint)
        guard backends[endpoint]?.published == true, !verdict.isTakenOut else { return false }
        return !(verdict.heldFrom..<max(verdict.heldFrom, min(verdict.heldTo, verdict.heldFrom + 2)) ~= now)
    }

    private struct Verdict {
        var word = BackendState.unknown
        var isTakenOut = false
        var heldFrom = 0
        var heldTo = 0
    }

    /// Replays a backend's history.
    private func verdict(of endpoint: Endpoint) -> Verdict {
        var (seen, down, refuses, misses, rejections) = (false, false, false, 0, 0)
        var (openUntil, openFor, closed): (Int?, Int, Int?) = (nil, 0, nil)
        var (failures, log): (Int, [(second: Int, failed: Bool)]) = (0, [])
        var (verdict, wish) = (Verdict(), AdministrativeState.enabled)
        func raise() {
            if !seen || down { (failures, log) = (0, []) }
            (seen, down, refuses) = (true, false, false)
        }
        func fall(refusing: Bool, atOnce: Bool) {
            if down || !seen || atOnce || misses >= 2 || (refusing && rejections >= 2) {
                (seen, down, refuses) = (true, true, refusing)
            }
        }
        func open(at time: Int) {
            openFor = openFor == 0 || closed.map { time - $0 >= 60 } == true ? 5 : min(openFor * 2, 60)
            (openUntil, closed) = (time + openFor, nil)
        }
        for (time, event, mayEject) in backends[endpoint]?.history ?? [] {
            let onTrial = openUntil.map { time >= $0 } ?? false
            func hold(_ seconds: Int) {
                guard seconds > 0 else { return }
                if verdict.heldTo <= time { verdict.heldFrom = time }
                verdict.heldTo = max(verdict.heldTo, time + min(seconds, 300))
            }
            switch event {
            case .administrative(let state): wish = state
            case .pass:
                (misses, rejections) = (0, 0)
                raise()
                if onTrial { (openUntil, closed, failures) = (nil, time, 0) }
            case .fail:
                misses += 1
                fall(refusing: false, atOnce: false)
                if onTrial { open(at: time) }
            case .reject(let seconds):
                hold(seconds ?? 0)
                misses += 1
                rejections += 1
                fall(refusing: true, atOnce: false)
                if onTrial { open(at: time) }
            case .busy(let seconds): hold(seconds)
            case .answered:
                (failures, misses) = (0, 0)
                log.append((time, false))
                if onTrial { (openUntil, closed) = (nil, time) }
                if !seen || (down && !refuses) { raise() }
            case .refused:
                log.append((time, true))
                failures += 1
                (seen, down, refuses) = (true, true, false)
            case .timedOut:
                log.append((time, true))
                failures += 1
                guard mayEject, openUntil.map({ time >= $0 }) ?? true else { break }
                let recent = log.filter { $0.second > time - 10 }
                let lost = recent.count { $0.failed }
                guard onTrial || failures >= 3 || (recent.count >= 20 && lost * 2 > recent.count) else { break }
                open(at: time)
                (failures, log) = (0, [])
            }
        }
        verdict.isTakenOut = wish != .enabled
        verdict.word =
            switch wish {
            case .disabled: .disabled
            case .draining: .draining
            case .enabled where down: .down
            case .enabled where openUntil != nil: .ejected
            case .enabled where now < verdict.heldTo: .held
            case .enabled: seen ? .up : .unknown
            }
        return verdict
    }
}
