// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import Synchronization
import TestSupport
import Testing

@Suite("DNS over TLS: one connection, many queries, a verified server", .serialized)
struct SecureLinkTests {
    static func question(_ index: Int) -> DNSQuestion { DNSQuestion(DNSName("h\(index).z.test"), .a) }

    /// A client of a server that speaks no TLS: the handler in its place passes everything on.
    static func plainClient(
        _ server: FakeDNS,
        timeout: TimeAmount = .seconds(10),
        _ change: (inout DNSClient.Settings) -> Void = { _ in }
    ) async throws -> DNSClient {
        try await ClientBench.client([], timeout: timeout) {
            $0.servers = [DNSServer(.v4(0x7F00_0001), port: server.port, transport: .tls)]
            $0.makeTLSHandler = { _ in PassingOn() }
            change(&$0)
        }
    }

    private final class PassingOn: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }

    static func client(_ port: Int, _ name: String?, trusting file: String) async throws -> DNSClient {
        let context = try TLSContext(clientProfile: TLSProfile(trustFile: file))
        return try await ClientBench.client([], timeout: .seconds(10)) {
            $0.attempts = 1
            $0.servers = [DNSServer(.v4(0x7F00_0001), port: UInt16(port), transport: .tls, name: name)]
            $0.makeTLSHandler = { server in
                let name = server.name ?? server.address.description
                return TLSHandler(
                    context: context,
                    role: .client(serverName: name, identity: .verify(domain: name, acceptsWildcards: false)),
                    handshakeDeadline: .seconds(5)
                )
            }
        }
    }

    @Test("LOC-69: a hundred questions at once go over one connection, and answers are matched by their ids")
    func pipelining() async throws {
        let zone = try ClientBench.zone((0..<100).map { "h\($0) IN A 192.0.2.\($0)\n" }.joined())
        let held = Mutex<ByteBuffer?>(nil)
        // Answers come in pairs, the second one first.
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            let answer = query.reply(zone)
            return held.withLock { held in
                guard let first = held else {
                    held = answer
                    return []
                }
                held = nil
                return [.answer(answer), .answer(first)]
            }
        }
        let client = try await Self.plainClient(server)
        let futures = (0..<100).map { client.ask(Self.question($0)) }
        for (index, future) in futures.enumerated() {
            #expect(try await future.get().records.map(\.name) == [Self.question(index).name])
        }
        #expect(server.connections.all == 1)
        #expect(server.queries.allSatisfy { $0.hasPrefix("tcp ") })
        await server.stop()
    }

    @Test("LOC-67: an answer to something else, with the right id, is passed over")
    func strangers() async throws {
        let zone = try ClientBench.zone()
        let evil = try Zone(try ZoneFile.records(in: ExchangeTests.forged, file: "f"), file: "f")
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            var other = query
            other.asked.id &+= 1
            var elsewhere = query
            elsewhere.asked.question = ByteBuffer(bytes: (DNSName("evil.z.test").wire ?? []) + [0, 1, 0, 1])
            return [.answer(other.reply(evil)), .answer(elsewhere.reply(evil)), .answer(query.reply(zone))]
        }
        let client = try await Self.plainClient(server)
        #expect(try await client.ask(ClientBench.host).get().records.map(\.data) == [ExchangeTests.real])
        await server.stop()
    }

    @Test("LOC-69: a connection that the server closes is opened again, also when the query had just gone out")
    func reconnecting() async throws {
        let zone = try ClientBench.zone((0..<10).map { "h\($0) IN A 192.0.2.\($0)\n" }.joined())
        // The first is answered; the second one finds the connection closed under it.
        let server = try await FakeDNS.start(on: ClientBench.loop) {
            $0.index == 1 ? [.close] : [.answer($0.reply(zone))]
        }
        let client = try await Self.plainClient(server) { $0.attempts = 1 }
        for index in 0..<4 { #expect(try await client.ask(Self.question(index)).get().records.count == 1) }
        #expect(server.connections.all == 2)
        #expect(server.queries.count == 5)
        await server.stop()
    }

    @Test("LOC-69: a connection that is reset is no failure of the server: the question goes over a new one")
    func reset() async throws {
        let zone = try ClientBench.zone((0..<10).map { "h\($0) IN A 192.0.2.\($0)\n" }.joined())
        let server = try await FakeDNS.start(on: ClientBench.loop) {
            $0.index == 1 ? [.reset] : [.answer($0.reply(zone))]
        }
        let client = try await Self.plainClient(server) { $0.attempts = 1 }
        for index in 0..<4 { #expect(try await client.ask(Self.question(index)).get().records.count == 1) }
        #expect(server.connections.all == 2)
        #expect(server.queries.count == 5)
        #expect(try await client.statistics().get().restingServers == 0)
        await server.stop()
    }

    @Test("LOC-69: it does so once; a server that resets every connection has failed")
    func resetAgain() async throws {
        let zone = try ClientBench.zone("h0 IN A 192.0.2.1\n")
        let server = try await FakeDNS.start(on: ClientBench.loop) {
            $0.index == 0 ? [.answer($0.reply(zone))] : [.reset]
        }
        let client = try await Self.plainClient(server) { $0.attempts = 1 }
        #expect(try await client.ask(Self.question(0)).get().records.count == 1)
        #expect(try await client.ask(Self.question(1)).get().outcome == .failure(.timeout))
        #expect(server.connections.all == 2)
        #expect(server.queries.count == 3)
        await server.stop()
    }

    @Test("LOC-69: of questions sent together, those that a closing server leaves go over a new connection")
    func leftOver() async throws {
        let zone = try ClientBench.zone((0..<10).map { "h\($0) IN A 192.0.2.\($0)\n" }.joined())
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            switch query.index {
            case 1: []
            case 2: [.close]
            default: [.answer(query.reply(zone))]
            }
        }
        let client = try await Self.plainClient(server) { $0.attempts = 1 }
        let futures = (0..<3).map { client.ask(Self.question($0)) }
        for future in futures { #expect(try await future.get().records.count == 1) }
        #expect(server.connections.all == 2)
        #expect(server.queries.count == 5)
        await server.stop()
    }

    @Test("LOC-69: new settings take over what waits for an answer; the old connection is not opened again")
    func retired() async throws {
        let zone = try ClientBench.zone("h0 IN A 192.0.2.1\nh1 IN A 192.0.2.1\n")
        let old = try await FakeDNS.start(on: ClientBench.loop) { $0.index == 0 ? [.answer($0.reply(zone))] : [] }
        let new = try await FakeDNS.start(on: ClientBench.loop) { [.answer($0.reply(zone))] }
        let client = try await Self.plainClient(old, timeout: .seconds(60)) { $0.attempts = 1 }
        #expect(try await client.ask(Self.question(0)).get().records.count == 1)
        let waiting = client.ask(Self.question(1))
        #expect(await Waiting.until(within: .seconds(30)) { old.queries.count == 2 })
        var settings = DNSClient.Settings(servers: [
            DNSServer(.v4(0x7F00_0001), port: new.port, transport: .tls)
        ])
        settings.attempts = 1
        settings.timeout = .seconds(60)
        settings.makeTLSHandler = { _ in PassingOn() }
        try await client.use(settings).get()
        #expect(try await waiting.get().records.count == 1)
        #expect(new.queries == ["tcp A h1.z.test"])
        #expect(old.queries.count == 2 && old.connections.all == 1)
        #expect(await Waiting.until(within: .seconds(30)) { old.connections.open == 0 })
        #expect(try await client.statistics().get().restingServers == 0)
        await old.stop()
        await new.stop()
    }

    @Test("LOC-69: a connection without queries is closed after a while, and the next query opens another")
    func idle() async throws {
        let zone = try ClientBench.zone("h1 IN A 192.0.2.1\n")
        let server = try await FakeDNS.start(on: ClientBench.loop) { [.answer($0.reply(zone))] }
        let client = try await Self.plainClient(server) { $0.idleTime = .milliseconds(20) }
        #expect(try await client.ask(ClientBench.host).get().records.count == 1)
        #expect(await Waiting.until(within: .seconds(10)) { server.connections.open == 0 })
        #expect(try await client.ask(Self.question(1)).get().records.count == 1)
        #expect(server.connections.all == 2)
        await server.stop()
    }

    @Test("LOC-69: a mute server is given up after the timeout; its young connection is tried once more, and not kept")
    func mute() async throws {
        let server = try await ClientBench.mute()
        let client = try await Self.plainClient(server, timeout: .milliseconds(200)) {
            $0.attempts = 2
            $0.idleTime = .milliseconds(50)
        }
        #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.timeout))
        #expect(server.connections.all == 1, "a slow handshake would be done by now")
        #expect(server.queries.count == 2)
        #expect(await Waiting.until(within: .seconds(10)) { server.connections.open == 0 })
        await server.stop()
    }

    @Test("LOC-69: unbound answers over TLS, by its name and by its address; a certificate for another is refused")
    func unbound() async throws {
        let zone = try TemporaryDirectory()
        let file = try zone.write(ClientBench.text + (0..<40).map { "h\($0) IN A 192.0.2.9\n" }.joined(), to: "z.zone")
        let nsd = try await NameServer.nsd([("z.test", file)])
        let certificates = try TestCertificates()
        let leaf = try certificates.leaf("dns", names: ["DNS:dns.example.test", "IP:127.0.0.1"])
        let port = try FreePort.next()
        let unbound = try await NameServer.unbound("z.test", behind: nsd.port, tls: (leaf.chain, leaf.key, port))
        for name in ["dns.example.test", nil] {
            let client = try await Self.client(port, name, trusting: certificates.authority)
            #expect(try await client.ask(ClientBench.host).get().records.count == 1, "\(name ?? "by address")")
            let futures = (0..<40).map { client.ask(Self.question($0)) }
            for future in futures { #expect(try await future.get().records.count == 1) }
        }
        for (name, trust) in [
            ("other.example.test", certificates.authority), ("dns.example.test", certificates.otherAuthority),
        ] {
            let client = try await Self.client(port, name, trusting: trust)
            #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.timeout), "\(name)")
        }
        await unbound.stop()
        await nsd.stop()
    }

    @Test("A server that cannot be verified, because there is no way to, is not asked")
    func noHandler() async throws {
        let server = try await ClientBench.zoneServer()
        let client = try await Self.plainClient(server) { $0.makeTLSHandler = { _ in nil } }
        #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.timeout))
        #expect(server.queries == [])
        await server.stop()
    }
}
