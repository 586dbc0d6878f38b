// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Admission of clients", .timeLimit(.minutes(1)))
struct AdmissionTests {
    @Test("OVL-22: half-open handshakes are counted in all and by source; another source is let in")
    func handshakes() {
        let limiter = ConnectionLimiter()
        var bounds = ConnectionLimiter.Handshakes()
        (bounds.total, bounds.perSource, bounds.isSecure) = (150, 100, true)
        let (one, two, three) = (IPAddress.v4(1), IPAddress.v4(2), IPAddress.v4(3))
        func admit(_ source: IPAddress) -> ConnectionLimiter.Refusal? {
            limiter.admit(source, total: 100_000, perSource: 100_000, bounds)
        }
        let refusals = (0..<5_000).map { _ in admit(one) }
        #expect(refusals.count { $0 == nil } == 100 && refusals.last == .handshakesPerSource)
        #expect((0..<50).allSatisfy { _ in admit(two) == nil } && admit(three) == .handshakes)
        limiter.handshakeEnded(one)
        #expect(admit(three) == nil && limiter.handshakes == 150 && limiter.total == 151)
        // In clear there is no handshake.
        bounds.isSecure = false
        #expect(admit(one) == nil)
        for _ in 0..<102 { limiter.release(one) }
        #expect(limiter.total == 50)
    }

    @Test("OVL-22: new connections of one source have a rate, over all workers together")
    func connectionRate() {
        let limiter = ConnectionLimiter()
        var bounds = ConnectionLimiter.Handshakes()
        var limits = SourceLimits()
        (limits.handshakes, limits.burst) = (10, .seconds(1))
        bounds.rates = limits
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        func admitted(at milliseconds: Int64) -> Bool {
            let now = start + .milliseconds(milliseconds)
            return limiter.admit(.v4(1), total: 1000, perSource: 1000, bounds, now: now) == nil
        }
        #expect((0..<20).count { _ in admitted(at: 0) } == 10)
        #expect(admitted(at: 100) && !admitted(at: 110))
        #expect(limiter.admit(.v4(0x0100_0000), total: 1000, perSource: 1000, bounds, now: start) == nil)
    }

    @Test(
        "OVL-22: a twentieth of the descriptors is kept from clients",
        arguments: [(1024, 909), (20_000, 18_936), (64, 32)]
    )
    func descriptors(limit: Int, places: Int) { #expect(DescriptorReserve.places(of: limit) == places) }

    @Test("OVL-21: requests above a source's rate are answered 503 without Retry-After, and its repetition bans it")
    func overRate() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access) { limits in
            limits.sources.other = 1
            limits.sources.burst = .seconds(3)
            limits.sources.banAfter = 4
        }
        let client = try await WireConnection.connect(bench.port)
        for number in 1...5 { client.send(Wire.options("r\(number)")) }
        #expect(await client.wait(for: "SIP/2.0 503", times: 2) && !client.text.contains("Retry-After"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 3))
        for number in 6...9 { client.send(Wire.options("r\(number)")) }
        #expect(await client.waitUntilClosed())
        #expect(try await bench.limitHits(.rateOther) >= 4)
        #expect(try await bench.limitHits(.ban) >= 1)
        #expect(bench.lines.contains { $0.contains("source banned source=127.0.0.1 limit=rate_other") })
        let again = try await WireConnection.connect(bench.port)
        #expect(await again.waitUntilClosed())
        #expect(try await bench.count { $0.refusals[0, .ban] } >= 1)
        #expect(backend.received.count == 3)
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "OVL-21: trusted networks and inner listeners are never limited and never banned",
        arguments: [ListenerIdentity.Role.access, .inner]
    )
    func trusted(role: ListenerIdentity.Role) async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: role) { limits in
            limits.sources.other = 1
            limits.sources.burst = .seconds(1)
            limits.sources.banAfter = 1
            limits.sources.handshakes = 1
            if role == .access { limits.sources.trusted = [.init(address: .v4(0x7F00_0000), prefixLength: 8)] }
        }
        let first = try await WireConnection.connect(bench.port)
        let second = try await WireConnection.connect(bench.port)
        for number in 1...20 { (number % 2 == 0 ? first : second).send(Wire.options("t\(number)")) }
        #expect(await first.wait(for: "SIP/2.0 200", times: 10))
        #expect(await second.wait(for: "SIP/2.0 200", times: 10))
        #expect(try await bench.count { $0.limits.total } == 0)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-21: one connection has a rate of its own; the others of its source do not feel it")
    func connection() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access) { limits in
            limits.sources.connection = 1
            limits.sources.burst = .seconds(3)
        }
        let first = try await WireConnection.connect(bench.port)
        let second = try await WireConnection.connect(bench.port)
        for number in 1...6 { first.send(Wire.options("c\(number)")) }
        #expect(await first.wait(for: "SIP/2.0 503", times: 3))
        second.send(Wire.options("d"))
        #expect(await second.wait(for: "SIP/2.0 200"))
        #expect(try await bench.limitHits(.rateConnection) == 3)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-21: broken messages are counted with the others, and above the rate not answered")
    func malformed() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access) { limits in
            limits.sources.other = 1
            limits.sources.burst = .seconds(2)
        }
        let client = try await WireConnection.connect(bench.port)
        for number in 1...5 { client.send(Wire.options("m\(number)").replacing("From:", with: "Fro m:")) }
        #expect(await Waiting.until(within: .seconds(5)) { (try? await bench.count { $0.drops[.overLimit] }) == 3 })
        #expect(await client.wait(for: "SIP/2.0 400", times: 2))
        #expect(client.text.ranges(of: "SIP/2.0 400").count == 2)
        try await bench.stop()
        try await backend.stop()
    }
}
