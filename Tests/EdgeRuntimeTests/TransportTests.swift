// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import EdgeTLS
import NIOCore
import NIOPosix
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Sockets and connections over loopback", .timeLimit(.minutes(1)))
struct TransportTests {
    // MARK: Datagrams

    @Test("TRN-14, TRN-15: the largest datagrams arrive whole: 60,000 bytes, and 65,507")
    func largeDatagrams() async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(places: [.init(name: "b1", port: backend.port)], listening: .udp)
        for (id, size) in [("l1", 60_000), ("l2", 65_507)] {
            // A datagram that was cut would be shorter than its Content-Length, and 400.
            let empty = datagram("MESSAGE", id, body: String(repeating: "x", count: 10_000))
            let body = String(repeating: "x", count: size - empty.utf8.count + 10_000)
            let text = datagram("MESSAGE", id, body: body)
            #expect(text.utf8.count == size)
            try await peer.send(text, to: bench.port)
            #expect(await peer.wait(for: "Call-ID: \(id)@"))
            #expect(backend.received.last?.hasSuffix("\r\n\r\n\(body)") ?? false)
        }
        #expect(peer.received.allSatisfy { $0.hasPrefix("SIP/2.0 200") })
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    private func datagram(_ method: String, _ id: String, body: String = "") -> String {
        Wire.request(method, id, body: body).replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
    }

    @Test(
        "TRN-28, TRN-53: of two UDP listeners the one that was asked answers",
        arguments: [ListenerIdentity.Role.access, .inner]
    )
    func twoListeners(role: ListenerIdentity.Role) async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            beside: [.udp],
            role: role
        )
        for (number, port) in bench.ports.enumerated() {
            try await peer.send(datagram("OPTIONS", "two\(number)"), to: port)
            #expect(await peer.wait(for: "Call-ID: two\(number)@"))
        }
        #expect(peer.sources == bench.ports && bench.ports.count == 2)
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    @Test("TRN-52: a request by UDP leaves from the listener's port, which its Via names")
    func source() async throws {
        let backend = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            beside: [.udp],
            speaking: .udp
        )
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("udp"))
        #expect(await backend.wait(for: "OPTIONS"))
        #expect(backend.sources == [bench.ports[1]])
        let request = try #require(backend.received.first)
        #expect(request.contains("Via: SIP/2.0/UDP 127.0.0.1:\(bench.ports[1]);"))
        try await backend.send(try answer(to: request), to: bench.ports[1])
        #expect(await client.wait(for: "SIP/2.0 200"))
        try await bench.stop()
        try await backend.stop()
    }

    /// The 200 to a request as text.
    private func answer(to text: String) throws -> String {
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .stream, limits: MessageLimits())
        guard case .message(let request) = outcome else { throw TestSupportError("not a request: \(text)") }
        let bytes = ResponseWriter.response(to: request, status: 200, reason: "OK", tag: 1, source: nil)
        return String(buffer: bytes)
    }

    // MARK: Connections

    @Test("TRN-42: a hundred requests one after the other share one connection to the backend")
    func reuse() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        for index in 1...100 {
            client.send(Wire.options("seq\(index)"))
            #expect(await client.wait(for: "SIP/2.0 200", times: index))
        }
        #expect(backend.connectionCount == 1 && backend.received.count == 100)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-46, TRN-38: a server connects to our sent-by: its response and its own request are taken there")
    func sentBy() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("back"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 1 })
        let request = backend.received[0]
        let via = try #require(request.split(separator: "\r\n").first { $0.hasPrefix("Via: SIP/2.0/TCP 127.0.0.1:") })
        let port = try #require(Int(via.dropFirst("Via: SIP/2.0/TCP 127.0.0.1:".count).prefix { $0 != ";" }))
        let server = try await WireConnection.connect(port)
        server.send(try answer(to: request) + Wire.options("own"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 2 })
        #expect(backend.received[1].contains("Call-ID: own@"))
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TRN-07: two hundred answers in another order than asked for leave whole, each once, over TLS too",
        arguments: [false, true]
    )
    func order(overTLS: Bool) async throws {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await wire.edge(before: backend, firstResponse: nil)
        let client = try await WireConnection.connect(bench.ports[overTLS ? 1 : 0], tls: overTLS ? wire.client : nil)
        // Each answer carries its Via back, which is what tells whether it is whole.
        func via(_ index: Int) -> String {
            let filling = String(repeating: "\(index % 10)", count: 100 + 40 * index)
            return "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKv\(index);x=\(filling)"
        }
        client.send((0..<200).map { Wire.options("o\($0)", extra: "Via: \(via($0))\r\n") }.joined())
        #expect(await Waiting.until(within: .seconds(10)) { backend.received.count == 200 })
        var generator = SeededGenerator(seed: 7)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in (0..<200).shuffled(using: &generator) {
                group.addTask { try await backend.answer(index, 200, "OK") }
            }
            try await group.waitForAll()
        }
        #expect(await client.wait(for: "SIP/2.0 200", times: 200, within: .seconds(20)))
        var framer = StreamFramer()
        framer.append(ByteBuffer(string: client.text))
        var seen: Set<Int> = []
        while case .message(let bytes) = framer.next() {
            let text = String(buffer: bytes)
            let id = text.split(separator: "Call-ID: o").dropFirst().first.flatMap { Int($0.prefix { $0 != "@" }) }
            let index = try #require(id)
            #expect(text.contains("Via: \(via(index))\r\n"))
            seen.insert(index)
        }
        #expect(seen.count == 200 && framer.pendingBytes == 0)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-06: a request for a server that swallows its connection does not delay the next one")
    func headOfLine() async throws {
        let hole = try FreePort.next()
        let blackHole = try BlackHole(last: 1, port: hole)
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        let began = ContinuousClock.now
        client.send(Wire.options("slow", extra: "Route: <sip:127.0.0.1:\(hole);transport=tcp;lr>\r\n"))
        client.send(Wire.options("fast"))
        #expect(await client.wait(for: "Call-ID: fast@"))
        // The connection is given 3 s.
        #expect(ContinuousClock.now - began < .seconds(2) && !client.text.contains("Call-ID: slow@"))
        try await bench.stop()
        try await backend.stop()
        withExtendedLifetime(blackHole) {}
    }

    @Test(
        "TRN-08: a client that has closed its side gets the answer to what it asked, then the connection is closed",
        arguments: [false, true]
    )
    func halfClose(isAnswered: Bool) async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("half"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 1 })
        if isAnswered {
            try await backend.answer(0, 200, "OK")
            #expect(await client.wait(for: "SIP/2.0 200"))
        }
        try await client.closeOutput()
        if !isAnswered {
            // What the edge hears by one connection before it sees the other's end is no matter: it must stay.
            let other = try await WireConnection.connect(bench.port)
            other.send("\r\n\r\n")
            #expect(await other.wait(for: "\r\n"))
            #expect(!client.isClosed)
            try await backend.answer(0, 200, "OK")
            #expect(await client.wait(for: "SIP/2.0 200"))
        }
        #expect(await client.waitUntilClosed())
        try await bench.stop()
        try await backend.stop()
    }

    /// How a server breaks what it was sent.
    enum Break: Sendable, CaseIterable {
        case refused, closedInHandshake, closedAfterWrite
    }

    @Test(
        "TRN-48: whichever way a connection fails, the attempt has failed, and the next server is asked",
        arguments: Break.allCases
    )
    func failures(how: Break) async throws {
        let bad = try FreePort.next()
        let breaker = how == .refused ? nil : try await Breaker.start(port: bad)
        let store = try TestCertificates()
        let leaf = try store.leaf("backend", names: ["IP:127.0.0.1"])
        let isTLS = how == .closedInHandshake
        let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key)
        let good = try await AnsweringServer.start(tls: isTLS ? try TLSContext(serverProfile: profile) : nil)
        let trust = TLSProfile(trustFile: store.authority, verify: true)
        let own = isTLS ? try TLSContext(clientProfile: trust) : nil
        let bench = try await EdgeBench.start(backends: [bad, good.port], tls: own)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("broken"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        let failed = try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures.total } }
        #expect(failed == 1 && good.received.count == 1)
        try await bench.stop()
        try await good.stop()
        try await breaker?.close()
    }
}

/// A server that closes every connection as soon as it is sent something.
private enum Breaker {
    static func start(port: Int) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Closer()) }
            }
            .bind(host: "127.0.0.1", port: port).get()
    }

    private final class Closer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
