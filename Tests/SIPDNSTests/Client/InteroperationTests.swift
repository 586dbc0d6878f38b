// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@Suite("Targets resolved by other people's name servers: nsd, and unbound before it", .serialized)
struct InteroperationTests {
    static let examples = [
        "weights.example.test", "priorities.example.test", "naptr.example.test", "signed.example.test",
        "broken.example.test",
    ]

    static func exampleServer() async throws -> NameServer {
        try await NameServer.nsd(
            examples.map { ($0, Repository.zone(String($0.prefix { $0 != "." }))) }
                + [("voice.demo.test", Repository.zone("demo"))]
        )
    }

    static var policy: ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.allowsLoopback = true
        return policy
    }

    static func resolve(_ target: String, _ port: UInt16) async throws -> TargetResolver.Outcome {
        let client = try await ClientBench.client([port], timeout: .seconds(5))
        return try await TargetResolver(client: client).resolve(try SIPTarget(target), policy: policy)
    }

    static func endpoints(_ outcome: TargetResolver.Outcome) throws -> [String] {
        guard case .resolved(let located) = outcome.step else {
            throw TestSupportError("not resolved: \(outcome.step)")
        }
        return located.servers.map { "\($0.priority) \($0.weight) \($0.endpoint)" }
    }

    static let expected: [(target: String, endpoints: [String])] = [
        (
            "sip:weights.example.test",
            ["10 60 tcp:127.0.0.11:5060", "10 20 tcp:127.0.0.12:5060", "10 20 tcp:127.0.0.13:5060"]
        ),
        (
            "sip:priorities.example.test;transport=udp",
            [
                "10 50 udp:127.0.0.21:5060", "10 50 udp:[::1]:5060", "10 50 udp:127.0.0.22:5060",
                "20 100 udp:127.0.0.23:5070",
            ]
        ),
        ("sips:naptr.example.test", ["10 50 tls:127.0.0.31:5061", "10 50 tls:127.0.0.32:5061"]),
        ("sips:hosted.naptr.example.test", ["10 50 tls:127.0.0.31:5061", "10 50 tls:127.0.0.32:5061"]),
        ("sip:signed.example.test", ["10 50 tls:127.0.0.51:5061", "10 50 tls:127.0.0.52:5061"]),
        (
            "sip:voice.demo.test",
            ["10 60 tcp:127.0.0.1:22501", "10 20 tcp:127.0.0.1:22502", "10 20 tcp:127.0.0.1:22503"]
        ),
    ]

    @Test("The example zones lead to the same servers from nsd as from our own zone server")
    func examples() async throws {
        let nsd = try await Self.exampleServer()
        let sources = (Self.examples.map { String($0.prefix { $0 != "." }) } + ["demo"]).map {
            ZoneSource.file(Repository.zone($0))
        }
        let own = try await ZoneServer.start(sources, port: UInt16(try FreePort.next()), loop: ClientBench.loop)
        for (target, endpoints) in Self.expected {
            #expect(try Self.endpoints(try await Self.resolve(target, nsd.port)) == endpoints, "\(target)")
            #expect(try Self.endpoints(try await Self.resolve(target, own.port)) == endpoints, "\(target)")
        }
        await own.stop()
        await nsd.stop()
    }

    @Test("unbound, as a resolver of the distribution, gives the same, and absence with its SOA")
    func unbound() async throws {
        let nsd = try await Self.exampleServer()
        let unbound = try await NameServer.unbound("naptr.example.test", behind: nsd.port)
        let outcome = try await Self.resolve("sips:naptr.example.test", unbound.port)
        #expect(try Self.endpoints(outcome) == ["10 50 tls:127.0.0.31:5061", "10 50 tls:127.0.0.32:5061"])
        let client = try await ClientBench.client([unbound.port], timeout: .seconds(5))
        let absent = try await client.ask(DNSQuestion(DNSName("absent.naptr.example.test"), .a)).get()
        #expect(absent.outcome == .nameError)
        #expect(absent.timeToLive <= .seconds(120) && absent.timeToLive > .seconds(100))
        let noData = try await client.ask(DNSQuestion(DNSName("sip1.naptr.example.test"), .aaaa)).get()
        #expect(noData.outcome == .noData)
        await nsd.stop()
        let lost = try await client.ask(DNSQuestion(DNSName("sip2.naptr.example.test"), .srv)).get()
        #expect(lost.outcome == .failure(.serverFailure), "LOC-57: a dead authority is no absence")
        await unbound.stop()
    }

    @Test("LOC-66: 500 targets come whole over TCP, and each is asked for, from nsd and from our zone server")
    func large() async throws {
        let records = (0..<500).map { index in
            "_sip._tcp IN SRV 10 \(index) 5060 t\(index)\nt\(index) IN A 127.1.\(index / 250).\(index % 250 + 1)\n"
        }
        let text =
            "$ORIGIN many.test.\n$TTL 60\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\nns IN A 127.0.0.1\n" + records.joined()
        let directory = try TemporaryDirectory()
        let file = try directory.write(text, to: "many.zone")
        let nsd = try await NameServer.nsd([("many.test", file)])
        let own = try await ZoneServer.start([.file(file)], port: UInt16(try FreePort.next()), loop: ClientBench.loop)
        for port in [nsd.port, own.port] {
            let outcome = try await Self.resolve("sip:many.test;transport=tcp", port)
            let endpoints = try Self.endpoints(outcome)
            #expect(endpoints.count == 500)
            #expect(endpoints.contains("10 499 tcp:127.1.1.250:5060"))
            #expect(outcome.answers.count == 1001)
            if case .resolved(let located) = outcome.step { #expect(!located.isPartial) }
        }
        await own.stop()
        await nsd.stop()
    }

    @Test("The shipped configuration of nsd is one that nsd takes")
    func shippedConfiguration() async throws {
        let directory = try TemporaryDirectory()
        let shipped = try ZoneFileTests.text(of: "\(Repository.root)/deploy/nsd/nsd.conf")
        let file = try directory.write(
            shipped.replacing("zonesdir: \"zones\"", with: "zonesdir: \"\(Repository.root)/zones\""),
            to: "nsd.conf"
        )
        let result = try await ChildProcess.run("nsd-checkconf", [file], in: directory)
        #expect(result.status == 0, "\(result.output)")
        for (origin, name) in zip(Self.examples, Repository.zones.filter { $0 != "demo" }) {
            #expect(shipped.contains("name: \(origin)"), "\(name)")
        }
    }
}
