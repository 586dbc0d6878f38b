// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOEmbedded
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Overload")
struct OverloadTests {
    /// A monitor that is told of lags in virtual time.
    private struct Watch {
        var monitor = OverloadMonitor()
        var policy = OverloadMonitor.Policy()
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var changes: [(second: Double, level: OverloadMonitor.Level)] = []
        private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

        /// The loop is so late for so long.
        mutating func run(_ milliseconds: Int64, lag: Int64) {
            let end = now + .milliseconds(milliseconds)
            while now < end {
                let before = monitor.level
                monitor.observe(lag: .milliseconds(lag), now: now, policy)
                if monitor.level != before {
                    changes.append((Double((now - start).nanoseconds) / 1e9, monitor.level))
                }
                now = now + .milliseconds(25)
            }
        }
    }

    @Test(
        "OVL-06: 150 ms of lag turn the shedding on after a second, and it goes off 5 s after the lag fell below 20 ms"
    )
    func hysteresis() {
        var watch = Watch()
        watch.run(2000, lag: 150)
        #expect(watch.changes.map(\.second) == [1] && watch.monitor.level == .shedding)
        #expect(watch.monitor.shedding.share == Shedding.whole / 2 && !watch.monitor.shedding.isSilent)
        watch.run(10_000, lag: 5)
        #expect(watch.changes.map(\.second) == [1, 7] && watch.monitor.shedding == .none)
    }

    @Test("OVL-06: neither a short peak nor a lag in between turns anything on or off")
    func noFlapping() {
        var watch = Watch()
        for _ in 0..<20 {
            watch.run(900, lag: 200)
            watch.run(100, lag: 90)
        }
        #expect(watch.changes.isEmpty)
        watch.run(1100, lag: 200)
        for _ in 0..<20 {
            watch.run(4000, lag: 10)
            watch.run(100, lag: 50)
        }
        #expect(watch.changes.count == 1)
        watch.policy.shedLag = .zero
        watch.run(100, lag: 900)
        #expect(watch.monitor.level == .calm)
    }

    @Test("OVL-06: the longer it lasts the more is turned away, and the less the longer it is over")
    func share() {
        var watch = Watch()
        var shares: [UInt32] = []
        for _ in 0..<6 {
            watch.run(1000, lag: 150)
            shares.append(watch.monitor.shedding.share)
        }
        #expect(shares == shares.sorted() && shares.last.map { $0 > Shedding.whole * 9 / 10 } == true)
        watch.run(3000, lag: 5)
        let falling = watch.monitor.shedding.share
        #expect(falling > 0 && falling < Shedding.whole / 4)
    }

    @Test("OVL-04: far above, connections are refused too; 5 s after the load has gone everything is as before")
    func refusing() {
        var watch = Watch()
        watch.run(1500, lag: 700)
        #expect(watch.monitor.level == .refusing && watch.monitor.shedding.isSilent)
        watch.run(1500, lag: 150)
        #expect(watch.monitor.level == .shedding && !watch.monitor.shedding.isSilent)
        watch.run(1500, lag: 700)
        watch.run(6000, lag: 1)
        #expect(watch.monitor.level == .calm && watch.changes.last?.second == 9.5)
    }

    @Test("OVL-06: a worker tells its core what to turn away, and the log when that begins and ends")
    func worker() {
        let loop = EmbeddedEventLoop()
        let embedded = EmbeddedWorker(on: loop)
        let worker = embedded.worker
        for number in 0...80 {
            worker.observe(lag: .milliseconds(150), now: .uptimeNanoseconds(UInt64(number) * 25_000_000))
        }
        #expect(worker.core.shedding.share > 0 && worker.statistics.isOverloaded)
        #expect(worker.counters.limits[.overload] == 1 && worker.statistics.lag == .milliseconds(150))
        for number in 81...400 {
            worker.observe(lag: .zero, now: .uptimeNanoseconds(UInt64(number) * 25_000_000))
        }
        #expect(worker.core.shedding == .none && !worker.statistics.isOverloaded)
        #expect(
            embedded.lines.count == 2 && embedded.lines[0].hasPrefix("worker is overloaded worker=0 level=shedding")
        )
        #expect(embedded.lines.last?.hasPrefix("worker is less loaded worker=0 level=calm") == true)
    }

    @Test(
        "OVL-04: a worker whose loop is far too late refuses connections of clients and serves all again soon after the load",
        .timeLimit(.minutes(1))
    )
    func refusedConnections() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access)
        let open = try await WireConnection.connect(bench.port)
        open.send(Wire.options("before"))
        #expect(await open.wait(for: "SIP/2.0 200"))
        try await bench.edge.workers[0].submit { worker in
            let now = worker.eventLoop.now
            for number in 0...48 {
                worker.observe(lag: .milliseconds(700), now: now + .milliseconds(Int64(number) * 25))
            }
        }.get()
        let refused = try await WireConnection.connect(bench.port)
        #expect(await refused.waitUntilClosed())
        #expect(try await bench.count { $0.refusals[0, .overload] } == 1)
        #expect(try await bench.limitHits(.overload) >= 1)
        #expect(!open.isClosed, "the connections of others stay")
        let recovered = try await Waiting.until(within: .seconds(15)) {
            let next = try await WireConnection.connect(bench.port)
            next.send(Wire.options("after"))
            let isServed = await next.wait(for: "SIP/2.0 200", within: .milliseconds(300))
            try? await next.close()
            return isServed
        }
        #expect(recovered)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-15: what one worker asks of clients all workers ask, until it is less loaded")
    func together() {
        let (loop, other) = (EmbeddedEventLoop(), EmbeddedEventLoop())
        let (loaded, calm) = (EmbeddedWorker(on: loop).worker, EmbeddedWorker(on: other, index: 1).worker)
        loaded.siblings = [WorkerHandle(loaded), WorkerHandle(calm)]
        calm.siblings = loaded.siblings
        for number in 0...60 {
            loaded.observe(lag: .milliseconds(150), now: .uptimeNanoseconds(UInt64(number) * 25_000_000))
        }
        other.run()
        #expect(loaded.core.reportedPercent == 50 && calm.core.reportedPercent == 50)
        #expect(calm.core.shedding == .none && calm.statistics.reportedPercent == 50)
        for number in 61...400 {
            loaded.observe(lag: .zero, now: .uptimeNanoseconds(UInt64(number) * 25_000_000))
        }
        other.run()
        #expect(loaded.core.reportedPercent == 0 && calm.core.reportedPercent == 0)
    }

    @Test(
        "OVL-15: over loopback a client is told of the load of any worker, by sequence numbers that are the time of day"
    )
    func loopback() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(
            workers: 2,
            places: [.init(name: "b1", port: backend.port)],
            controlsOverload: true
        )
        let client = try await WireConnection.connect(bench.port)
        func ask(_ id: String) { client.send(Wire.options(id).replacing(";rport", with: ";oc;oc-algo=\"loss\"")) }
        ask("calm")
        #expect(await client.wait(for: ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="))
        let workers = await bench.edge.workers
        try await workers[0].submit { worker in
            let start = worker.eventLoop.now
            for number in 0...60 {
                worker.observe(lag: .milliseconds(150), now: start + .milliseconds(Int64(number) * 25))
            }
        }.get()
        // What the one has told the other stands before this in its loop.
        let percent = try await workers[1].statistics().get().reportedPercent
        #expect(percent == 50)
        ask("loaded")
        #expect(await client.wait(for: ";oc=50;oc-algo=\"loss\";oc-validity=500;oc-seq="))
        let stamp = client.text.split(separator: ";oc-seq=").last.flatMap { Int($0.prefix { $0 != "." }) }
        #expect(stamp.map { abs($0 - time(nil)) < 60 } == true)
        #expect(backend.received.allSatisfy { !$0.contains(";oc") })
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-06: the lag is looked at again and again, and is none on a loop that is on time")
    func watching() {
        let loop = EmbeddedEventLoop()
        let embedded = EmbeddedWorker(on: loop)
        loop.advanceTime(by: .milliseconds(500))
        #expect(embedded.worker.statistics.lag == .zero && embedded.worker.overload.level == .calm)
    }
}
