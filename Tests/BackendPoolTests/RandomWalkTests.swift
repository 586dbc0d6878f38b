// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Random walks of a pool against a model")
struct RandomWalkTests {
    private struct Walk {
        var pool = PoolState(id: PoolID(index: 0), settings: PoolSettings(name: "p"))
        var model = PoolModel()
        var generator: SeededGenerator
        let endpoints = (1...5).map { Endpoint.sample($0) }

        var now: NIODeadline { .uptimeNanoseconds(UInt64(model.now) * 1_000_000_000) }

        mutating func step() {
            let endpoint = endpoints.randomElement(using: &generator) ?? .sample(1)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                let some = endpoints.filter { _ in Int.random(in: 0..<4, using: &generator) > 0 }
                model.apply(some)
                _ = pool.apply(some.map { .sample($0.address.number & 0xFF) }, now: now)
            case 1...5:
                model.now += [0, 1, 1, 2, 5, 5, 30, 700].randomElement(using: &generator) ?? 1
                model.removeDrained()
                _ = pool.advance(to: now)
            case 6:
                let state = AdministrativeState.allCases.randomElement(using: &generator) ?? .enabled
                guard model.backends[endpoint] != nil else { break }
                model.note(.administrative(state), endpoint)
                _ = pool.setAdministrative(state, of: endpoint, now: now)
            case 7...10: probe(endpoint)
            default: traffic(endpoint)
            }
        }

        private mutating func probe(_ endpoint: Endpoint) {
            guard model.backends[endpoint] != nil else { return }
            let seconds = [nil, 3, 20].randomElement(using: &generator) ?? nil
            let pairs: [(PoolModel.Event, BackendOutcome)] = [
                (.pass, .answered(status: 200)), (.pass, .answered(status: 404)), (.fail, .failed(.timeout)),
                (.fail, .failed(.tls)),
                (.reject(retryAfter: seconds), .answered(status: 503, retryAfter: seconds.map { .seconds(Int64($0)) })),
            ]
            guard let (event, outcome) = pairs.randomElement(using: &generator) else { return }
            model.note(event, endpoint)
            _ = pool.observe(probe: outcome, of: endpoint, now: now)
        }

        private mutating func traffic(_ endpoint: Endpoint) {
            guard model.backends[endpoint] != nil else { return }
            let seconds = Int.random(in: 0...400, using: &generator)
            let pairs: [(PoolModel.Event, BackendOutcome)] = [
                (.answered, .answered(status: 486)), (.answered, .answered(status: 200)),
                (.timedOut, .failed(.timeout)), (.timedOut, .failed(.closed)), (.timedOut, .failed(.timeout)),
                (.refused, .failed(.refused)),
                (.busy(retryAfter: seconds), .answered(status: 503, retryAfter: .seconds(Int64(seconds)))),
                (.busy(retryAfter: 0), .answered(status: 503)),
            ]
            guard let (event, outcome) = pairs.randomElement(using: &generator) else { return }
            model.note(event, endpoint)
            _ = pool.observe(traffic: TrafficSummary(outcome), of: endpoint, now: now)
        }

        /// What differs between the two, in words; nil when they agree.
        func difference() -> String? {
            let view = pool.view(now: now)
            guard Set(view.backends.map(\.endpoint)) == Set(model.backends.keys) else { return "membership" }
            let states = view.backends.map { model.state(of: $0.endpoint) }
            guard view.backends.map(\.state) == states else { return "\(view.backends.map(\.state)), not \(states)" }
            let pressed = states.contains(.up) ? BackendState.up : .unknown
            guard view.backends.map(\.isUsable) == states.map({ $0 == .up || $0 == pressed }) else { return "usable" }
            let panic = view.backends.map { model.mayPanic($0.endpoint) }
            guard view.backends.map(\.isUsableInPanic) == panic else { return "panic" }
            let sum = view.shares().reduce(0, +)
            return abs(sum - (view.hasUsable ? 1 : 0)) < 1e-9 ? nil : "shares sum to \(sum)"
        }
    }

    @Test(
        "States, use, panic and membership agree with a replay of the history",
        arguments: 1...12 as ClosedRange<UInt64>
    )
    func agreement(seed: UInt64) {
        var walk = Walk(generator: SeededGenerator(seed: seed))
        for step in 0..<250 {
            walk.step()
            if let difference = walk.difference() {
                Issue.record("seed \(seed), step \(step): \(difference)")
                return
            }
        }
    }

    @Test("Time alone changes no view before the time that was foretold", arguments: 1...12 as ClosedRange<UInt64>)
    func foretold(seed: UInt64) {
        var walk = Walk(generator: SeededGenerator(seed: seed))
        for _ in 0..<250 {
            walk.step()
            let now = walk.now
            let next = walk.pool.nextChange(after: now)
            #expect(next.map { $0 > now } ?? true)
            let before = (next ?? now + .hours(1)) - .nanoseconds(1)
            #expect(walk.pool.view(now: now).backends == walk.pool.view(now: before).backends)
        }
    }
}
