// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What the demonstration rehearses, step by step; each step says whether it held.
package struct DemoRehearsal: Sendable {
    /// Calls a second.
    static let rate = 200.0

    private let stage: DemoStage
    private let say: @Sendable (String) -> Void
    private var zone: DemoZone
    private var report = DemoReport()
    /// The calls of the last phase, with all backends up.
    private var last = DemoTally()

    private init(_ stage: DemoStage, say: @escaping @Sendable (String) -> Void) {
        self.stage = stage
        self.say = say
        zone = stage.zone
    }

    /// Runs every step on a stage that has just been started; `say` gets a line for each thing that happens.
    package static func run(
        on stage: DemoStage,
        say: @escaping @Sendable (String) -> Void
    ) async throws -> DemoReport {
        var rehearsal = DemoRehearsal(stage, say: say)
        try await rehearsal.register()
        try await rehearsal.shares()
        try await rehearsal.reloads()
        try await rehearsal.failure()
        try await rehearsal.recovery()
        try await rehearsal.weights()
        try await rehearsal.describeBackends()
        return rehearsal.report
    }

    // MARK: Steps

    private mutating func register() async throws {
        say("registering users over TLS")
        let up = try await wait(for: "every backend up", within: .seconds(10)) { pool in
            pool.backends.count == 3 && pool.backends.allSatisfy { $0.health == "up" }
        }
        let failures = await stage.caller.register()
        note(
            "users register over TLS",
            up != nil && failures.isEmpty,
            up == nil
                ? "the backends did not all come up" : failures.first ?? "every REGISTER was answered 200 by a backend"
        )
    }

    private mutating func shares() async throws {
        let tally = try await call(500, saying: "all backends up, weights \(weights)")
        let verdict = verdict(tally, zone.shares())
        note("calls follow the weights of the SRV records", verdict.held, verdict.words)
    }

    private mutating func reloads() async throws {
        say("reloading three times while calls run")
        async let calls = stage.caller.call(300, perSecond: Self.rate)
        var done = 0
        var problem: String?
        for _ in 0..<3 {
            try await Task.sleep(for: .milliseconds(350))
            let reload = try await stage.reload()
            if reload.succeeded { done += 1 } else { problem = reload.problems.first }
        }
        let tally = await calls
        count(tally)
        report.reloads += done
        note(
            "reloads under load lose no call",
            done == 3 && tally.failed == 0,
            problem ?? "\(done) reloads, \(tally.calls) calls, \(tally.failed) failed"
        )
    }

    /// The backend is stopped between two calls: a call that is up on a server that dies ends with it, whatever stands
    /// in front.
    private mutating func failure() async throws {
        guard let victim = stage.backends.first else { return }
        await victim.stop()
        let tally = try await call(200, saying: "\(victim.name) is stopped: its port refuses")
        let verdict = verdict(tally, zone.shares(without: [victim.name]))
        let seen = try await wait(for: "\(victim.name) down", within: .seconds(10)) { pool in
            pool.backends.contains { $0.name.hasPrefix(victim.name) && $0.health != "up" }
        }
        let words = seen == nil ? "never seen as down; \(verdict.words)" : verdict.words
        note("the calls of a stopped backend move to the others", seen != nil && verdict.held, words)
    }

    private mutating func recovery() async throws {
        guard let victim = stage.backends.first else { return }
        try await victim.start()
        say("\(victim.name) is started again")
        let seconds = try await wait(for: "\(victim.name) up", within: .seconds(10)) { pool in
            pool.backends.contains { $0.name.hasPrefix(victim.name) && $0.health == "up" }
        }
        let tally = try await call(300, saying: "\(victim.name) is up again")
        let verdict = verdict(tally, zone.shares())
        let time = seconds.map { "up after \($0) s; " } ?? "not up within 10 s; "
        note("a backend that returns gets its share again", seconds != nil && verdict.held, time + verdict.words)
    }

    private mutating func weights() async throws {
        zone.servers[0].weight = 20
        zone.servers[2].weight = 60
        let wanted = Dictionary(uniqueKeysWithValues: zone.servers.map { (UInt16($0.port), UInt16($0.weight)) })
        say("the zone now has weights \(weights)")
        try await stage.serve(zone)
        let limit = Double(DemoZone.ttl + 1)
        let seconds = try await wait(for: "the new weights", within: .seconds(limit + 2)) { pool in
            pool.backends.allSatisfy { backend in
                wanted.contains { backend.id.hasSuffix(":\($0.key)") && backend.weight == $0.value }
            }
        }
        let tally = try await call(500, saying: "weights \(weights)")
        let verdict = verdict(tally, zone.shares())
        last = tally
        let inTime = seconds.map { $0 <= limit } ?? false
        let time = seconds.map { "taken after \($0) s (limit \(limit) s); " } ?? "not taken; "
        note("shares follow the zone within TTL plus one second", inTime && verdict.held, time + verdict.words)
    }

    private mutating func describeBackends() async throws {
        let pool = try await stage.pool()
        let shares = zone.shares()
        for server in zone.servers {
            guard let backend = stage.backends.first(where: { $0.name == server.name }) else { continue }
            let health = pool?.backends.first { $0.id.hasSuffix(":\(server.port)") }?.health ?? "unknown"
            report.backends.append(
                DemoReport.Backend(
                    name: server.name,
                    priority: DemoZone.priority,
                    weight: server.weight,
                    expectedShare: shares[server.name] ?? 0,
                    share: last.completed > 0 ? Double(last.servers[server.name] ?? 0) / Double(last.completed) : 0,
                    requests: try await backend.answering().total,
                    health: health
                )
            )
        }
    }

    // MARK: Means

    private var weights: String { zone.servers.map { "\($0.weight)" }.joined(separator: ":") }

    private mutating func call(_ calls: Int, saying words: String) async throws -> DemoTally {
        say("\(words): \(calls) calls")
        let tally = await stage.caller.call(calls, perSecond: Self.rate)
        // What an interrupt cut short proves nothing.
        try Task.checkCancellation()
        count(tally)
        return tally
    }

    private mutating func count(_ tally: DemoTally) {
        report.calls += tally.calls
        report.failed += tally.failed
        for (reason, count) in tally.failures { say("  failed: \(count) x \(reason)") }
    }

    /// Whether every call was served, and by whom it should have been.
    private func verdict(_ tally: DemoTally, _ expected: [String: Double]) -> (held: Bool, words: String) {
        var held = tally.failed == 0
        let parts = zone.servers.map { server in
            let share = expected[server.name] ?? 0
            let got = tally.servers[server.name] ?? 0
            let bounds = DemoBounds.counts(of: share, draws: tally.completed)
            held = held && bounds.contains(got)
            return "\(server.name) \(got) (\(bounds.lowerBound) to \(bounds.upperBound))"
        }
        return (held, "\(tally.calls) calls, \(tally.failed) failed: \(parts.joined(separator: ", "))")
    }

    private mutating func note(_ name: String, _ held: Bool, _ detail: String) {
        report.steps.append(.init(name: name, held: held, detail: detail))
        say("  \(held ? "held" : "FAILED"): \(name): \(detail)")
    }

    /// The seconds, in tenths, after which the edge's pool was as wanted; nil when it was not within the limit.
    private func wait(
        for what: String,
        within limit: Duration,
        until holds: (PoolReport) -> Bool
    ) async throws -> Double? {
        let began = ContinuousClock.now
        while ContinuousClock.now - began < limit {
            if let pool = try await stage.pool(), holds(pool) {
                let passed = ContinuousClock.now - began
                return (passed / .milliseconds(100)).rounded(.up) / 10
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        say("  waited \(limit) in vain for \(what)")
        return nil
    }
}
