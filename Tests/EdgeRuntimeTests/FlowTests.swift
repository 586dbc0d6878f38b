// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Client and backend flows over loopback", .timeLimit(.minutes(1)))
struct FlowTests {
    @Test("FLW-30: a keep-alive is answered on the flow, between requests too")
    func keepAlive() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send("\r\n\r\n")
        #expect(await client.wait(for: "\r\n"))
        #expect(client.text == "\r\n")
        client.send("\r\n\r\n" + Wire.options("ka1") + "\r\n\r\n")
        #expect(await client.wait(for: "SIP/2.0 200"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("FLW-28: pings are answered within 100 ms while requests wait, three in one segment by three, over TLS too")
    func pings() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let wire = try TLSWire()
        let bench = try await wire.edge(before: backend, firstResponse: nil)
        for (place, tls) in [nil, wire.client].enumerated() {
            let client = try await WireConnection.connect(bench.ports[place], tls: tls)
            for number in 0..<20 { client.send(Wire.options("p\(place)-\(number)")) }
            #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 20 * (place + 1) })
            var quickest = Duration.seconds(5)
            for round in 0..<10 {
                let began = ContinuousClock.now
                client.send("\r\n\r\n\r\n\r\n\r\n\r\n")
                let all = String(repeating: "\r\n", count: 3 * (round + 1))
                #expect(await client.wait(for: all))
                #expect(client.text == all)
                quickest = min(quickest, ContinuousClock.now - began)
            }
            // Of ten, for the machine may have other things to do.
            #expect(quickest < .milliseconds(100), "\(quickest)")
        }
        try await bench.stop()
        try await backend.stop()
    }

    @Test("Two hundred requests in one write are each answered, over a bounded number of backend connections")
    func pipelined() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], connections: 2)
        let client = try await WireConnection.connect(bench.port)
        client.send((0..<200).map { Wire.options("pipe\($0)") }.joined())
        #expect(await client.wait(for: "SIP/2.0 200", times: 200))
        #expect(backend.received.count == 200)
        #expect((1...2).contains(backend.connectionCount))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-02: a broken frame closes that one connection, and no other")
    func brokenFrame() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let (bad, good) = (try await WireConnection.connect(bench.port), try await WireConnection.connect(bench.port))
        bad.send("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")
        #expect(await bad.waitUntilClosed())
        good.send(Wire.options("good1"))
        #expect(await good.wait(for: "SIP/2.0 200"))
        #expect(!good.isClosed && backend.received.count == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("MSG-01: a lone CR inside a header section is answered with 400 and ends the connection")
    func loneCR() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("cr", extra: "Subject: one\rX-Two: two\r\n") + Wire.options("next"))
        #expect(await client.waitUntilClosed())
        #expect(client.text.contains("SIP/2.0 400") && !client.text.contains("SIP/2.0 200"))
        #expect(backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-05: a message that does not end in time, and a silent client, lose their connections")
    func timeouts() async throws {
        let bench = try await EdgeBench.start(backends: []) { limits in
            limits.messageTimeout = .milliseconds(300)
            limits.idleTimeout = .seconds(3)
        }
        let (slow, silent) = (
            try await WireConnection.connect(bench.port), try await WireConnection.connect(bench.port)
        )
        slow.send(String(Wire.options("slow").dropLast(20)))
        #expect(await slow.waitUntilClosed(within: .seconds(3)))
        #expect(!silent.isClosed)
        #expect(await silent.waitUntilClosed(within: .seconds(6)))
        #expect(try await bench.limitHits(.messageTimeout) == 1)
        #expect(try await bench.limitHits(.idleTimeout) == 1)
        try await bench.stop()
    }

    @Test("OVL: connections in all and of one source are limited, and a closed one makes room")
    func connectionLimits() async throws {
        let bench = try await EdgeBench.start(backends: [], connectionsPerSource: 2)
        let first = try await WireConnection.connect(bench.port)
        let second = try await WireConnection.connect(bench.port)
        second.send("\r\n\r\n")
        #expect(await second.wait(for: "\r\n"))
        let third = try await WireConnection.connect(bench.port)
        #expect(await third.waitUntilClosed())
        #expect(try await bench.limitHits(.connectionsPerSource) == 1)
        try await first.close()
        let isFree = await Waiting.until(within: .seconds(3)) { bench.edge.connections == 1 }
        #expect(isFree)
        let fourth = try await WireConnection.connect(bench.port)
        fourth.send("\r\n\r\n")
        #expect(await fourth.wait(for: "\r\n"))
        try await bench.stop()
    }

    @Test("A backend's queue is bounded: what finds no place is answered, not kept")
    func backendQueue() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], queue: 3)
        let client = try await WireConnection.connect(bench.port)
        // One write is one loop tick: the first connection to the backend cannot be up before all are routed.
        client.send((0..<10).map { Wire.options("queue\($0)") }.joined())
        #expect(await client.wait(for: "SIP/2.0 ", times: 10))
        #expect(client.text.ranges(of: "SIP/2.0 200").count == 3)
        #expect(client.text.ranges(of: "SIP/2.0 503").count == 7)
        #expect(try await bench.limitHits(.queue) == 7)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("A client that takes nothing is not read from either, and delays nobody else")
    func slowReader() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let (slow, other) = (try await WireConnection.connect(bench.port), try await WireConnection.connect(bench.port))
        try await slow.stopReading()
        // Each answer carries the Via back: a large one makes large answers, more than the sockets' buffers hold.
        let padding = "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK" + String(repeating: "x", count: 8000) + "\r\n"
        for index in 0..<2000 { slow.send(Wire.options("slow\(index)", extra: padding)) }
        for index in 0..<20 { other.send(Wire.options("other\(index)")) }
        #expect(await other.wait(for: "SIP/2.0 200", times: 20))
        // Back-pressure must have stopped the reading of it well before all its requests were in.
        #expect(backend.received.count < 2020)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-10: what finds a client's queue full fails at once, and the connection is closed when nothing is taken")
    func fullQueue() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port]) { limits in
            limits.writeQueue = 256 * 1024
            limits.writeStall = .seconds(2)
        }
        let slow = try await WireConnection.connect(bench.port)
        slow.send(Wire.request("REGISTER", "reg", extra: "Contact: <sip:u@127.0.0.1:9>\r\n"))
        #expect(await slow.wait(for: "SIP/2.0 200"))
        let path = try #require(backend.received[0].split(separator: "\r\n").first { $0.hasPrefix("Path: ") })
        try await slow.stopReading()
        let inside = try await WireConnection.connect(bench.port)
        let body = String(repeating: "x", count: 60_000)
        let route = "Route: \(path.dropFirst(6))\r\n"
        for index in 0..<200 { inside.send(Wire.request("MESSAGE", "fill\(index)", body: body, extra: route)) }
        // Whoever asked learns of it, now rather than by a timeout.
        #expect(await inside.wait(for: "SIP/2.0 500"))
        #expect(bench.edge.connections == 2)
        // Others are not affected.
        inside.send(Wire.options("other"))
        #expect(await inside.wait(for: "SIP/2.0 200"))
        let isCut = await Waiting.until(within: .seconds(10)) { bench.edge.connections == 1 }
        #expect(isCut)
        #expect(try await bench.limitHits(.writeQueue) == 1)
        inside.send(Wire.request("MESSAGE", "after", extra: route))
        #expect(await inside.wait(for: "SIP/2.0 430"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-50: a backend that refuses is failed over from at once, and the request succeeds")
    func failover() async throws {
        let closed = try FreePort.next()
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [closed, backend.port])
        let client = try await WireConnection.connect(bench.port)
        for index in 0..<20 { client.send(Wire.options("fo\(index)")) }
        #expect(await client.wait(for: "SIP/2.0 200", times: 20))
        // A dead backend costs at most the tries of one moment, not one a request.
        let attempts = try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } }
        #expect((1...20).contains(attempts))
        client.send(Wire.options("later"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 21))
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } } == attempts)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("FLW-12: a request from the inside reaches the client on its own connection, whichever worker owns it")
    func clientFlow() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(workers: 2, backends: [backend.port])
        var clients: [WireConnection] = []
        for index in 0..<8 {
            let client = try await WireConnection.connect(bench.port)
            client.send(Wire.request("REGISTER", "reg\(index)", extra: "Contact: <sip:u\(index)@127.0.0.1:9>\r\n"))
            #expect(await client.wait(for: "SIP/2.0 200"))
            clients.append(client)
        }
        let inside = try await WireConnection.connect(bench.port)
        for (index, client) in clients.enumerated() {
            let register = try #require(backend.received.first { $0.contains("Call-ID: reg\(index)@") })
            let path = try #require(register.split(separator: "\r\n").first { $0.hasPrefix("Path: ") }).dropFirst(6)
            let text = Wire.request("MESSAGE", "to\(index)", body: "hello", extra: "Route: \(path)\r\n")
            inside.send(text.replacing("sip:test@example.test SIP", with: "sip:u\(index)@127.0.0.1:9 SIP"))
            #expect(await client.wait(for: "MESSAGE sip:u\(index)@127.0.0.1:9"), "client \(index)")
        }

        // The connection is gone: its token is answered with 430, not sent elsewhere (FLW-14).
        let gone = try #require(backend.received.first { $0.contains("Call-ID: reg0@") })
        let path = try #require(gone.split(separator: "\r\n").first { $0.hasPrefix("Path: ") }).dropFirst(6)
        try await clients[0].close()
        let isGone = await Waiting.until(within: .seconds(3)) { bench.edge.connections == 8 }
        #expect(isGone)
        inside.send(Wire.request("MESSAGE", "late", extra: "Route: \(path)\r\n"))
        #expect(await inside.wait(for: "SIP/2.0 430"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("A drain waits for what runs, takes no new connection, and ends at its limit")
    func drain() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("pending"))
        let isTaken = await Waiting.until(within: .seconds(3)) { backend.received.count == 1 }
        #expect(isTaken)
        let began = ContinuousClock.now
        try await bench.edge.drain(within: .milliseconds(400))
        #expect(ContinuousClock.now - began >= .milliseconds(400))
        await #expect(throws: (any Error).self) { try await WireConnection.connect(bench.port) }
        try await bench.stop()
        try await backend.stop()
    }
}
