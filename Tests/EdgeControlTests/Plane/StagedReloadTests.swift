// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import SIPDNS
import SIPLocation
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What happens while a reload waits for DNS, and when DNS says nothing", .timeLimit(.minutes(1)))
struct StagedReloadTests {
    /// The health of the backends of the first pool.
    private func health(_ bench: ReloadBench) async throws -> [String] {
        try await bench.edge.plane.poolReports().first?.backends.map(\.health) ?? []
    }

    /// The name of the only backend.
    private func backend(_ bench: ReloadBench) async throws -> String {
        try #require(try await bench.edge.plane.poolReports().first?.backends.first?.id)
    }

    @Test("LOC-57: a new target that DNS says nothing of is refused with its line, and the backends stay and serve")
    func silentTarget() async throws {
        let silent = try await SilentPort.open()
        let bench = try await ReloadBench.start()
        let connection = try await bench.edge.connect(to: bench.edge.ports.plain)
        let before = try await bench.edge.plane.poolReports().first?.backends.map(\.id)
        let report = try await bench.reload {
            ($0.target, $0.resolver) = ("sip:\(TestEdge.domain)", silent.port)
            $0.name = "other.example.test"
        }
        #expect(!report.succeeded && report.problems.count == 1, "\(report.problems)")
        let problem = report.problems.first ?? ""
        #expect(problem.contains("pools.voice.target: DNS does not say where sip:\(TestEdge.domain) leads"))
        // The file, the line of the target, and what to do.
        let lines = bench.text.text(bench.edge.ports).split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.contains("target:") }) + 1
        #expect(problem.contains(".yaml:\(line):") && problem.contains("reload when there is an answer"), "\(problem)")
        let pool = try #require(try await bench.edge.plane.poolReports().first)
        #expect(pool.backends.map(\.id) == before && pool.backends.allSatisfy { $0.health != "draining" })
        #expect(pool.target == bench.text.target)
        #expect(try await bench.edge.plane.status().name == bench.text.name)
        #expect(try await connection.ask() == 200)
        // A name that was asked in vain is asked again as soon as there is somebody to ask.
        let named = try await bench.reload { $0.target = "sip:\(TestEdge.domain)" }
        #expect(named.succeeded, "\(named.problems)")
        #expect(try await connection.ask() == 200)
        await connection.close()
        await bench.stop()
        try await silent.close()
    }

    @Test("OVL-31: what happens to backends while a reload waits takes effect at once, and outlives its refusal")
    func meanwhile() async throws {
        let silent = try await SilentPort.open()
        let bench = try await ReloadBench.start()
        let connection = try await bench.edge.connect(to: bench.edge.ports.plain)
        #expect(try await connection.ask() == 200)
        let backend = try await backend(bench)
        await bench.edge.plane.wait(forDNS: .seconds(25))
        async let report = bench.reload {
            ($0.target, $0.resolver, $0.resolverTimeout) = ("sip:elsewhere.example.test", silent.port, "20s")
        }
        // The reload waits for an answer now.
        try await silent.wait()
        #expect(await bench.edge.plane.carryOut(.disable, backend: backend) == .done(backend, .disabled))
        #expect(try await Waiting.until(within: .seconds(10)) { try await connection.ask() == 503 })
        #expect(await bench.edge.plane.isStaging)
        try await silent.giveUp()
        #expect(try await !report.succeeded)
        #expect(try await health(bench) == ["disabled"])
        #expect(try await connection.ask() == 503)
        #expect(await bench.edge.plane.carryOut(.enable, backend: backend) == .done(backend, .enabled))
        #expect(try await Waiting.until(within: .seconds(5)) { try await connection.ask() == 200 })
        await connection.close()
        await bench.stop()
        try await silent.close()
    }

    @Test("LOC-57: while a reload waits, and after it was refused, DNS is asked as before")
    func asksAsBefore() async throws {
        let silent = try await SilentPort.open()
        let bench = try await ReloadBench.start()
        await bench.edge.plane.wait(forDNS: .seconds(25))
        async let report = bench.reload {
            ($0.target, $0.resolver, $0.resolverTimeout) = ("sip:elsewhere.example.test", silent.port, "20s")
            $0.dnssec = "trust-ad"
        }
        try await silent.wait()
        let dns = await bench.edge.plane.dns
        let question = DNSQuestion(DNSName("_sips._tcp.\(TestEdge.domain)"), .srv)
        let answer = try await dns.ask(question).get()
        #expect(answer.server == "127.0.0.1:\(bench.edge.ports.names)" && answer.security == .unchecked)
        try await silent.giveUp()
        #expect(try await !report.succeeded)
        let settings = await bench.edge.plane.resolverSettings
        #expect(settings.servers.map(\.description) == [answer.server])
        #expect(settings.dnssec == .off)
        let cached = try await dns.cachedAnswers().get()
        #expect(cached.map(\.question).contains(question))
        await bench.stop()
        try await silent.close()
    }

    @Test("LOC-51: a drain while a reload waits holds for a pool whose target the reload then changes")
    func drained() async throws {
        let silent = try await SilentPort.open()
        let bench = try await ReloadBench.start()
        let backend = try await backend(bench)
        await bench.edge.plane.wait(forDNS: .seconds(25))
        async let report = bench.reload {
            // The first server is waited for before the second one is asked.
            ($0.earlierResolvers, $0.resolverTimeout) = ([silent.port], "20s")
            $0.target = "sip:\(TestEdge.domain)"
        }
        try await silent.wait()
        #expect(await bench.edge.plane.carryOut(.drain, backend: backend) == .done(backend, .draining))
        try await silent.giveUp()
        #expect(try await report.succeeded)
        let pool = try #require(try await bench.edge.plane.poolReports().first)
        #expect(pool.target == "sip:\(TestEdge.domain)" && pool.backends.map(\.id) == [backend])
        #expect(pool.backends.map(\.health) == ["draining"])
        await bench.stop()
        try await silent.close()
    }
}
