// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import ProxyProtocol
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Load balancers in front and behind", .timeLimit(.minutes(1)))
struct ProxyProtocolTests {
    private static let loopback = RouteRule.Network(address: .v4(0x7F00_0001), prefixLength: 32)
    private static let line = "PROXY TCP4 203.0.113.7 198.51.100.10 51000 5061\r\n"

    /// An edge that takes headers from 127.0.0.1 alone.
    private static func start(
        _ backend: AnsweringServer,
        adjust: (inout EdgeLimits) -> Void = { _ in }
    ) async throws -> EdgeBench {
        let policy = ProxyProtocolPolicy(networks: [loopback], versions: [.v1, .v2])
        return try await EdgeBench.start(backends: [backend.port], role: .access, fronts: policy, adjust: adjust)
    }

    @Test("TRN-64, TRN-69: a front's word is taken for the source; others connect plainly at the same port")
    func fronts() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await Self.start(backend)
        let fronted = try await WireConnection.connect(bench.port)
        fronted.send(Self.line + Wire.options("a"))
        #expect(await fronted.wait(for: "SIP/2.0 200"))
        #expect(fronted.text.contains("received=203.0.113.7"))
        // Both are told of (OVL-64).
        let explained = try await bench.edge.explain(callID: ByteBuffer(string: "a@wire.test"))
        let record = explained.flatMap(\.requests).first?.record
        #expect(record?.sourceAddress == .v4(0xCB00_7107) && record?.front?.address == .v4(0x7F00_0001))
        let plain = try await WireConnection.connect(bench.port, from: "127.0.0.9")
        plain.send(Wire.options("b"))
        #expect(await plain.wait(for: "SIP/2.0 200"))
        #expect(plain.text.contains("received=127.0.0.9"))
        // From elsewhere a header is what it looks like: no SIP (TRN-09).
        let forger = try await WireConnection.connect(bench.port, from: "127.0.0.9")
        forger.send(Self.line + Wire.options("c"))
        #expect(await forger.waitUntilClosed())
        #expect(backend.received.count == 2)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-66: a front's own connection keeps the real addresses")
    func local() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await Self.start(backend)
        let check = try await WireConnection.connect(bench.port)
        check.send("PROXY UNKNOWN\r\n" + Wire.options("h"))
        #expect(await check.wait(for: "SIP/2.0 200"))
        #expect(check.text.contains("received=127.0.0.1"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-64, TRN-65: a front without a header, and one that is too slow, are closed, counted and logged")
    func missing() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await Self.start(backend) { $0.proxyHeaderTimeout = .milliseconds(200) }
        let bare = try await WireConnection.connect(bench.port)
        bare.send(Wire.options("a"))
        #expect(await bare.waitUntilClosed())
        let mute = try await WireConnection.connect(bench.port)
        mute.send("PROXY TCP4")
        #expect(await mute.waitUntilClosed())
        #expect(try await bench.count { $0.refusals[0, .proxyHeader] } == 1)
        #expect(try await bench.count { $0.refusals[0, .proxyHeaderTimeout] } == 1)
        #expect(try await bench.limitHits(.proxyHeaderTimeout) == 1)
        let told = bench.lines.filter { $0.contains("no PROXY protocol header") }
        #expect(told.count == 2 && told.contains { $0.contains("reason=signature") })
        #expect(told.contains { $0.contains("reason=timeout") } && backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-69: limits and bans are those of whom the front names; the front is never banned")
    func bans() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await Self.start(backend) { limits in
            limits.sources.other = 1
            limits.sources.burst = .seconds(1)
            limits.sources.banAfter = 1
        }
        let banned = try await WireConnection.connect(bench.port)
        banned.send(Self.line)
        for number in 1...6 { banned.send(Wire.options("b\(number)")) }
        #expect(await banned.waitUntilClosed())
        #expect(bench.lines.contains { $0.contains("source banned source=203.0.113.7") })
        let again = try await WireConnection.connect(bench.port)
        again.send(Self.line)
        #expect(await again.waitUntilClosed())
        #expect(try await bench.count { $0.refusals[0, .ban] } == 1)
        let other = try await WireConnection.connect(bench.port)
        other.send("PROXY TCP4 203.0.113.8 198.51.100.10 51000 5061\r\n" + Wire.options("o"))
        #expect(await other.wait(for: "SIP/2.0 200"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-69: connections are counted for whom the front names, and given back")
    func counted() async throws {
        let backend = try await AnsweringServer.start()
        let policy = ProxyProtocolPolicy(networks: [Self.loopback], versions: [.v1])
        let bench = try await EdgeBench.start(
            backends: [backend.port],
            connectionsPerSource: 1,
            role: .access,
            fronts: policy
        )
        let first = try await WireConnection.connect(bench.port)
        first.send(Self.line + Wire.options("a"))
        #expect(await first.wait(for: "SIP/2.0 200"))
        let second = try await WireConnection.connect(bench.port)
        second.send(Self.line)
        #expect(await second.waitUntilClosed())
        #expect(try await bench.count { $0.refusals[0, .connectionsPerSource] } == 1)
        try await first.close()
        #expect(
            try await Waiting.until(within: .seconds(5)) {
                let third = try await WireConnection.connect(bench.port)
                third.send(Self.line + Wire.options("c"))
                let isIn = await third.wait(for: "SIP/2.0 200", within: .milliseconds(500))
                try? await third.close()
                return isIn
            }
        )
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-36, TRN-64: a connection that owes its header when a drain begins is closed")
    func drained() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await Self.start(backend) { $0.proxyHeaderTimeout = .seconds(30) }
        let late = try await WireConnection.connect(bench.port)
        late.send(String(Self.line.dropLast(2)))
        let known = try await WireConnection.connect(bench.port)
        known.send(Self.line + Wire.options("a"))
        // Connections are accepted in their order, so both are by now.
        #expect(await known.wait(for: "SIP/2.0 200"))
        try await bench.edge.drain(within: .milliseconds(100))
        late.send("\r\n" + Wire.options("b"))
        #expect(await late.waitUntilClosed())
        #expect(!known.isClosed && late.text.isEmpty && bench.edge.connections == 1)
        #expect(try await bench.count { $0.connections[0, .accepted] } == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-68: V-PP-01 and a ClientHello in one segment: the handshake completes, for whom the header names")
    func beforeTLS() async throws {
        let vector: [UInt8] =
            [13, 10, 13, 10, 0, 13, 10] + Array("QUIT".utf8)
            + [10, 0x21, 0x11, 0, 12, 203, 0, 113, 7, 198, 51, 100, 10, 0xC7, 0x38, 0x13, 0xC5]
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start()
        let policy = ProxyProtocolPolicy(networks: [Self.loopback], versions: [.v2])
        let bench = try await wire.edge(before: backend, fronts: policy)
        let client = try await WireConnection.connect(bench.ports[1], header: vector, tls: wire.client)
        client.send(Wire.options("tls").replacing("TCP", with: "TLS"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(client.text.contains("received=203.0.113.7") && client.text.contains("rport=51000"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-69: routes are chosen by the source that the front names")
    func routes() async throws {
        let backend = try await AnsweringServer.start()
        let policy = ProxyProtocolPolicy(networks: [Self.loopback], versions: [.v1])
        let named = RouteRule.Network(address: .v4(0xCB00_7107), prefixLength: 32)
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            role: .access,
            fronts: policy,
            change: { snapshot in
                snapshot.proxy.routes = [
                    RouteRule(sources: [named], action: .pool(.init(index: 0))),
                    RouteRule(sources: [Self.loopback], action: .reject(status: 403, reason: "Front")),
                    RouteRule(action: .reject(status: 480, reason: "Elsewhere")),
                ]
            }
        )
        for (address, status) in [("203.0.113.7", "200"), ("203.0.113.8", "480")] {
            let client = try await WireConnection.connect(bench.port)
            client.send("PROXY TCP4 \(address) 198.51.100.10 51000 5061\r\n" + Wire.options("r\(status)"))
            #expect(await client.wait(for: "SIP/2.0 \(status)"))
        }
        #expect(backend.received.count == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TRN-70: to a backend over TLS the header is the first, and the ClientHello follows",
        arguments: [true, false]
    )
    func behindTLS(sends: Bool) async throws {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(
            backends: [backend.port],
            tls: wire.client,
            sendsProxyProtocol: sends
        )
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("a"))
        let local: [UInt8] = [13, 10, 13, 10, 0, 13, 10] + Array("QUIT".utf8) + [10, 0x20, 0, 0, 0]
        let expected = (sends ? local : []) + [0x16, 0x03, 0x01]
        #expect(await Waiting.until(within: .seconds(5)) { backend.bytes.count > expected.count })
        #expect(backend.bytes.starts(with: expected))
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TRN-70: connections to backends begin with LOCAL where the pool says so, and with SIP where not",
        arguments: [true, false]
    )
    func behind(sends: Bool) async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], sendsProxyProtocol: sends)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("a"))
        _ = await Waiting.until(within: .seconds(5)) { !backend.bytes.isEmpty }
        let local: [UInt8] = [13, 10, 13, 10, 0, 13, 10] + Array("QUIT".utf8) + [10, 0x20, 0, 0, 0]
        let begins = local + Array("OPTIONS sip:".utf8)
        #expect(backend.bytes.starts(with: sends ? begins : Array(begins.dropFirst(local.count))))
        try await bench.stop()
        try await backend.stop()
    }
}
