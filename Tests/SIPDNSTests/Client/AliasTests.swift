// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import TestSupport
import Testing

@Suite("Aliases that one response does not resolve")
struct AliasTests {
    static func question(_ index: Int, _ type: DNSRecordType = .a) -> DNSQuestion {
        DNSQuestion(DNSName("c\(index).z.test"), type)
    }

    /// Aliases `c0` to `c<length>` with an address at the end; each response holds one record, and no SOA.
    static func chain(_ length: Int, ends: Bool = true) async throws -> FakeDNS {
        let aliases = (0..<length).map { "c\($0) \($0 == 2 ? 7 : 60) IN CNAME c\($0 + 1)\n" }.joined()
        let end = ends ? "c\(length) 30 IN A 192.0.2.9\n" : "c\(length) 30 IN CNAME c0\n"
        let zone = try ClientBench.zone(aliases + end)
        return try await FakeDNS.start(on: ClientBench.loop) { query in
            var reply = ZoneReply.reply(to: query.question, in: [zone], withDNSSEC: false)
            reply.answers = Array(reply.answers.prefix(1))
            reply.authorities = []
            return [.answer(query.bytes(of: reply))]
        }
    }

    @Test("LOC-57, LOC-68: eight aliases in a response each lead to the address, with the shortest TTL of them all")
    func eight() async throws {
        let server = try await Self.chain(8)
        let answer = try await ClientBench.client([server.port]).ask(Self.question(0)).get()
        #expect(answer.records.map(\.name) == [DNSName("c8.z.test")])
        #expect(answer.timeToLive == .seconds(7))
        #expect(answer.isAliased)
        #expect(server.queries == (0...8).map { "udp A c\($0).z.test" })
        await server.stop()
    }

    @Test(
        "LOC-57, LOC-68: nine aliases, or aliases in a circle, are a failure and never absence",
        arguments: [9, 3, 0]
    )
    func tooMany(length: Int) async throws {
        let server = try await Self.chain(length, ends: length == 9)
        let client = try await ClientBench.client([server.port]) { $0.attempts = 1 }
        #expect(try await client.ask(Self.question(0)).get().outcome == .failure(.malformed))
        #expect(server.queries.count <= 9)
        await server.stop()
    }

    @Test("LOC-57: an alias whose name cannot be had fails; one whose name is absent is absent")
    func ends() async throws {
        let zone = try ClientBench.zone("lost IN CNAME gone.else.test.\nnone IN CNAME absent.else.test.\n")
        let other = try Zone(
            try ZoneFile.records(in: "$ORIGIN else.test.\n@ 60 IN SOA ns h 1 2 3 4 5\n", file: "e"),
            file: "e"
        )
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            if query.asked.name == DNSName("gone.else.test") {
                return [.answer(query.bytes(of: ZoneReply(code: .serverFailure)))]
            }
            return [
                .answer(query.bytes(of: ZoneReply.reply(to: query.question, in: [zone, other], withDNSSEC: false)))
            ]
        }
        let client = try await ClientBench.client([server.port])
        let lost = try await client.ask(DNSQuestion(DNSName("lost.z.test"), .srv)).get()
        #expect(lost.outcome == .failure(.serverFailure))
        let none = try await client.ask(DNSQuestion(DNSName("none.z.test"), .srv)).get()
        #expect(none.outcome == .nameError)
        #expect(none.isAliased)
        await server.stop()
    }
}
