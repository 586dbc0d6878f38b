// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Connection reuse over mutual TLS, over loopback (RFC 5923)", .timeLimit(.minutes(2)))
struct ConnectionReuseTests {
    /// An edge with a mutual TLS listener and one in clear text, and a pool of servers that can be connected to as well.
    private struct Bench {
        let store: TestCertificates
        let servers: [AnsweringServer]
        let edge: EdgeBench
        let client: WireConnection

        static func start(
            servers count: Int = 1,
            workers: Int = 1,
            profile: String = "trunk",
            role: ListenerIdentity.Role = .peer,
            offer: AliasOffer = .never
        ) async throws -> Bench {
            let store = try TestCertificates()
            let leaf = try store.leaf("core", names: ["DNS:core.example.test"])
            let own = try store.leaf("edge", names: ["DNS:edge.example.test"])
            let server = try TLSContext(serverProfile: Self.profile(leaf, store))
            var servers: [AnsweringServer] = []
            for _ in 0..<count { servers.append(try await AnsweringServer.start(tls: server)) }
            let accepting = try TLSContext(serverProfile: Self.profile(own, store))
            let opening = try TLSContext(clientProfile: Self.profile(own, store))
            func change(_ snapshot: inout EdgeSnapshot) {
                snapshot.proxy.policies[0].aliasOffer = offer
                let identity = snapshot.listeners[0].identity
                snapshot.listeners[0] = ListenerSetup(identity: identity, tls: accepting, connectionsPerSource: 1000)
                snapshot.listeners[0].aliasProfile = "trunk"
                var setup = BackendSetup(
                    tls: opening,
                    serverName: "core.example.test",
                    verifiesName: true,
                    acceptsWildcards: false,
                    connections: 2,
                    queue: 1000
                )
                setup.aliases = .of(profile: profile)
                snapshot.backends = [setup]
            }
            let edge = try await EdgeBench.start(
                workers: workers,
                places: servers.enumerated().map { EdgeBench.Place(name: "b\($0)", port: $1.port) },
                listening: .tls,
                beside: [.tcp],
                role: role,
                tls: opening,
                change: { change(&$0) }
            )
            let client = try await WireConnection.connect(edge.ports[1])
            return Bench(store: store, servers: servers, edge: edge, client: client)
        }

        private static func profile(_ leaf: TestCertificates.Leaf?, _ store: TestCertificates) -> TLSProfile {
            TLSProfile(
                certificateChainFile: leaf?.chain,
                privateKeyFile: leaf?.key,
                trustFile: store.authority,
                verify: true
            )
        }

        /// A server's connection to the edge, by a certificate for that name, or by none.
        func connect(_ name: String? = "core.example.test", status: UInt16 = 200) async throws -> OfferingServer {
            let leaf = try name.map { try store.leaf("peer\($0)", names: ["DNS:\($0)"]) }
            let tls = try TLSContext(clientProfile: Self.profile(leaf, store))
            return try await OfferingServer.connect(edge.port, tls, status: status)
        }

        func stop() async throws {
            try await edge.stop()
            for server in servers { try await server.stop() }
        }
    }

    @Test("V-ALIAS, TLS-39: requests go on the connection that the backend has opened, and are answered there")
    func reuse() async throws {
        let bench = try await Bench.start()
        let peer = try await bench.connect()
        try await peer.offer(for: bench.servers[0].port)
        for number in 1...3 {
            bench.client.send(Wire.options("reused\(number)"))
            #expect(await bench.client.wait(for: "SIP/2.0 200", times: number))
        }
        #expect(peer.requests.count == 3 && bench.servers[0].connectionCount == 0)
        #expect(try await bench.edge.count { $0.aliasedRequests } == 3)
        #expect(try await bench.edge.edge.statistics().map(\.aliases) == [1])
        try await bench.stop()
    }

    @Test(
        "TLS-37, TLS-39, TLS-41: another domain, no certificate, another profile or another port: a new connection",
        arguments: [
            ("other.example.test", "trunk", 0), (nil, "trunk", 0), ("core.example.test", "second", 0),
            ("core.example.test", "trunk", 1),
        ] as [(String?, String, Int)]
    )
    func refused(name: String?, profile: String, shift: Int) async throws {
        let bench = try await Bench.start(profile: profile)
        let peer = try await bench.connect(name)
        try await peer.offer(for: bench.servers[0].port + shift)
        bench.client.send(Wire.options("fresh"))
        #expect(await bench.client.wait(for: "SIP/2.0 200"))
        #expect(peer.requests.isEmpty && bench.servers[0].received.count == 1)
        try await bench.stop()
    }

    @Test("TLS-42: when the connection is gone, requests and the CANCEL of a call that rings go by a new one")
    func gone() async throws {
        let bench = try await Bench.start()
        let peer = try await bench.connect(status: 180)
        try await peer.offer(for: bench.servers[0].port)
        bench.client.send(Wire.request("INVITE", "ring"))
        #expect(await bench.client.wait(for: "SIP/2.0 180"))
        try await peer.close()
        let isForgotten = try await Waiting.until(within: .seconds(5)) {
            try await bench.edge.edge.statistics().allSatisfy { $0.aliases == 0 }
        }
        #expect(isForgotten && bench.servers[0].connectionCount == 0)
        bench.client.send(Wire.request("INVITE", "ring").replacing("INVITE", with: "CANCEL"))
        let server = bench.servers[0]
        let isCancelled = await Waiting.until(within: .seconds(5)) {
            server.received.contains { $0.hasPrefix("CANCEL") }
        }
        #expect(isCancelled)
        bench.client.send(Wire.options("next"))
        let isServed = await Waiting.until(within: .seconds(5)) {
            server.received.contains { $0.hasPrefix("OPTIONS") }
        }
        #expect(isServed && peer.requests.count == 1)
        try await bench.stop()
    }

    @Test("TLS-43: of two connections that one server offers, new requests use the later one")
    func replaced() async throws {
        let bench = try await Bench.start()
        let peers = [try await bench.connect(), try await bench.connect()]
        for peer in peers { try await peer.offer(for: bench.servers[0].port) }
        bench.client.send(Wire.options("later"))
        #expect(await bench.client.wait(for: "SIP/2.0 200"))
        #expect(peers.map(\.requests.count) == [0, 1])
        try await bench.stop()
    }

    @Test("TLS-44: the draw comes first: a server that offers its connection gets no more requests than others")
    func balance() async throws {
        let bench = try await Bench.start(servers: 2)
        let peer = try await bench.connect()
        try await peer.offer(for: bench.servers[0].port)
        // What waits for a connection that is being opened would go to the other server when that takes long.
        var count = 0
        while bench.servers[1].received.isEmpty, count < 100 {
            count += 1
            bench.client.send(Wire.options("first\(count)"))
            #expect(await bench.client.wait(for: "SIP/2.0 200", times: count))
        }
        let (before, all) = (peer.requests.count, count + 400)
        for number in 1...400 { bench.client.send(Wire.options("draw\(number)")) }
        #expect(await bench.client.wait(for: "SIP/2.0 200", times: all))
        let reused = peer.requests.count - before
        #expect(peer.requests.count + bench.servers[1].received.count == all && bench.servers[0].connectionCount == 0)
        // Half of 400 by chance, and six deviations of 10 to either side.
        #expect((140...260).contains(reused), "\(reused) of 400")
        try await bench.stop()
    }

    @Test("TLS-36: Via offers our connection, and a request that the backend sends on it is processed")
    func offered() async throws {
        let bench = try await Bench.start(offer: .always)
        bench.client.send(Wire.options("out"))
        #expect(await bench.client.wait(for: "SIP/2.0 200"))
        let server = bench.servers[0]
        let via = server.received[0].split(separator: "\r\n").first { $0.hasPrefix("Via:") } ?? ""
        #expect(via.hasPrefix("Via: SIP/2.0/TLS 127.0.0.1:\(bench.edge.port);branch=") && via.hasSuffix(";alias"))
        // The edge answers by itself what may go no further.
        try await server.send(Wire.options("in").replacing("Max-Forwards: 70", with: "Max-Forwards: 0"))
        let isAnswered = await Waiting.until(within: .seconds(5)) {
            String(decoding: server.bytes, as: UTF8.self).contains("Call-ID: in@wire.test")
        }
        #expect(isAnswered)
        try await bench.stop()
    }

    @Test("TLS-40: what is offered in clear text is not taken")
    func clearText() async throws {
        let bench = try await Bench.start()
        let via = "TLS 127.0.0.1:\(bench.servers[0].port);alias"
        bench.client.send(Wire.options("clear").replacing("TCP 127.0.0.1:9", with: via))
        #expect(await bench.client.wait(for: "SIP/2.0 200"))
        #expect(bench.servers[0].received.count == 1)
        #expect(try await bench.edge.edge.statistics().map(\.aliases) == [0])
        try await bench.stop()
    }

    @Test("Each worker uses the connections that it has accepted alone; what others have goes by their own")
    func workers() async throws {
        let bench = try await Bench.start(workers: 2)
        let peer = try await bench.connect()
        try await peer.offer(for: bench.servers[0].port)
        let count = 24
        for number in 0..<count {
            let client = try await WireConnection.connect(bench.edge.ports[1])
            client.send(Wire.options("worker\(number)"))
            #expect(await client.wait(for: "SIP/2.0 200"))
        }
        let workers = try await bench.edge.edge.statistics()
        #expect(workers.map(\.aliases).sorted() == [0, 1])
        #expect(workers.allSatisfy { $0.aliases == 1 || $0.counters.aliasedRequests == 0 })
        let reused = try await bench.edge.count { $0.aliasedRequests }
        #expect(Int(reused) == peer.requests.count && peer.requests.count + bench.servers[0].received.count == count)
        try await bench.stop()
    }
}
