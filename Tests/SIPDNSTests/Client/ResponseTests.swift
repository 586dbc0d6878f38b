// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import SIPDNS

@Suite("What a response comes to: aliases, times, absence")
struct ResponseTests {
    static let question = DNSQuestion(DNSName("c0.test"), .a)

    static func alias(_ from: Int, _ to: Int, ttl: UInt32 = 60) -> DNSRecord {
        DNSRecord(name: DNSName("c\(from).test"), type: .cname, ttl: ttl, data: .cname(DNSName("c\(to).test")))
    }

    static func address(_ index: Int, ttl: UInt32 = 60) -> DNSRecord {
        DNSRecord(name: DNSName("c\(index).test"), type: .a, ttl: ttl, data: .address(.v4(0xC000_0201)))
    }

    static func soa(ttl: UInt32, minimum: UInt32) -> DNSRecord {
        DNSRecord(name: DNSName("test"), type: .soa, ttl: ttl, data: .soa(minimum: minimum))
    }

    static func read(_ answers: [DNSRecord], _ authorities: [DNSRecord] = [], code: UInt16 = 0) -> DNSAnswer {
        guard case .answer(let answer) = reading(answers, authorities, code: code) else {
            return DNSAnswer(outcome: .failure(.notAskable), timeToLive: .zero, receivedAt: .now(), server: "an alias")
        }
        return answer
    }

    static func reading(
        _ answers: [DNSRecord],
        _ authorities: [DNSRecord] = [],
        code: UInt16 = 0,
        earlier: [DNSName] = []
    ) -> ResponseReader.Reading {
        let response = DNSMessageCodec.Response(
            id: 1,
            isTruncated: false,
            isAuthenticated: false,
            code: code,
            question: question,
            answers: answers,
            authorities: authorities
        )
        let reader = ResponseReader(question: question, server: "t", earlier: earlier)
        return reader.reading(of: response, now: .uptimeNanoseconds(1))
    }

    @Test(
        "LOC-68: a chain of eight aliases is followed, with the shortest TTL; one of nine is not",
        arguments: [true, false]
    )
    func chain(isReversed: Bool) {
        func records(_ length: Int) -> [DNSRecord] {
            let all =
                (0..<length).map { Self.alias($0, $0 + 1, ttl: $0 == 3 ? 7 : 60) } + [Self.address(length, ttl: 30)]
            return isReversed ? all.reversed() : all
        }
        let eight = Self.read(records(8))
        #expect(eight.records == [Self.address(8, ttl: 30)])
        #expect(eight.timeToLive == .seconds(7))
        #expect(eight.isAliased)
        #expect(Self.read(records(9)).outcome == .failure(.malformed))
        #expect(Self.read(records(0)).isAliased == false)
    }

    @Test("LOC-68: aliases in a circle are a failure, with a SOA too", arguments: [1, 2, 5])
    func circle(length: Int) {
        let circle = (0..<length).map { Self.alias($0, ($0 + 1) % length) }
        #expect(Self.read(circle).outcome == .failure(.malformed))
        #expect(Self.read(circle, [Self.soa(ttl: 60, minimum: 60)]).outcome == .failure(.malformed))
    }

    @Test("LOC-57, LOC-68: an answer that ends in an alias, with no SOA, is no absence: the alias's name is asked for")
    func openChain() {
        guard case .alias(let name, let through, 7) = Self.reading([Self.alias(0, 1), Self.alias(1, 2, ttl: 7)]) else {
            Issue.record("it is an answer")
            return
        }
        #expect(name == DNSName("c2.test"))
        #expect(through == [DNSName("c0.test"), DNSName("c1.test")])
        let other = DNSRecord(name: DNSName("elsewhere"), type: .soa, ttl: 60, data: .soa(minimum: 60))
        guard case .alias = Self.reading([Self.alias(0, 1)], [other]) else {
            Issue.record("another zone's SOA says that there is nothing")
            return
        }
    }

    @Test("LOC-68: the limit of eight and the search for circles go over all responses of a chain")
    func openChainLimit() {
        let before = (0..<7).map { DNSName("b\($0).test") }
        guard case .alias = Self.reading([Self.alias(0, 1)], earlier: before) else {
            Issue.record("the eighth alias is refused")
            return
        }
        #expect(Self.read([Self.alias(0, 1), Self.address(1)]).records.count == 1)
        for answers in [[Self.alias(0, 1), Self.alias(1, 2)], [Self.alias(0, 1), Self.alias(1, 2), Self.address(2)]] {
            guard case .answer(let answer) = Self.reading(answers, earlier: before) else {
                Issue.record("the ninth alias is followed")
                return
            }
            #expect(answer.outcome == .failure(.malformed))
        }
        let back = DNSRecord(name: DNSName("c0.test"), type: .cname, ttl: 60, data: .cname(DNSName("b3.test")))
        guard case .answer(let answer) = Self.reading([back], earlier: before) else {
            Issue.record("a circle over two responses is followed")
            return
        }
        #expect(answer.outcome == .failure(.malformed))
    }

    @Test("Records of other names and types beside the answer are not believed")
    func strangers() {
        let own = Self.address(0)
        let other = DNSRecord(name: DNSName("c0.test"), type: .aaaa, ttl: 60, data: .address(.v6(high: 1, low: 1)))
        #expect(Self.read([Self.address(9), other, own]).records == [own])
        #expect(Self.read([Self.address(9), other]).outcome == .failure(.malformed))
    }

    @Test("V-DNS-02, LOC-59: absence lives as long as the shorter of the SOA's TTL and minimum; without SOA 5 s")
    func absence() {
        #expect(Self.read([], [Self.soa(ttl: 3600, minimum: 900)]).timeToLive == .seconds(900))
        #expect(Self.read([], [Self.soa(ttl: 120, minimum: 900)]).timeToLive == .seconds(120))
        #expect(Self.read([], [Self.soa(ttl: 120, minimum: 900)]).outcome == .noData)
        #expect(Self.read([], code: 3).timeToLive == .seconds(5))
        #expect(Self.read([], code: 3).outcome == .nameError)
        #expect(Self.read([]).outcome == .failure(.malformed), "LOC-65")
    }

    @Test("LOC-68: absence behind an alias lives no longer than the alias, and is not the first name's")
    func absenceBehindAlias() {
        let soa = Self.soa(ttl: 600, minimum: 600)
        for (code, outcome) in [(3, DNSAnswer.Outcome.nameError), (0, .noData)] as [(UInt16, DNSAnswer.Outcome)] {
            let answer = Self.read([Self.alias(0, 1, ttl: 20)], [soa], code: code)
            #expect(answer.outcome == outcome)
            #expect(answer.timeToLive == .seconds(20))
            #expect(answer.isAliased)
        }
    }

    @Test("LOC-58: a TTL with the sign bit is a large one, a week at most; 0 stays 0")
    func times() {
        #expect(Self.read([Self.address(0, ttl: 0x8000_0001)]).timeToLive == .seconds(604_800))
        #expect(Self.read([Self.address(0, ttl: 0)]).timeToLive == .zero)
        #expect(Self.read([Self.address(0, ttl: 9), Self.address(0, ttl: 4)]).timeToLive == .seconds(4))
    }

    @Test(
        "LOC-57: codes that are no answer are failures, each by its name",
        arguments: [
            (1, .formatError), (2, .serverFailure), (4, .serverFailure), (5, .refused), (9, .serverFailure),
            (16, .serverFailure),
        ] as [(UInt16, DNSAnswer.Failure)]
    )
    func codes(code: UInt16, failure: DNSAnswer.Failure) {
        #expect(Self.read([Self.address(0)], code: code).outcome == .failure(failure))
    }

    @Test("LOC-69: name servers are read from a file of resolv.conf's form; without any it is the local host")
    func resolverConfiguration() throws {
        let text =
            "# comment\nsearch a.test\nnameserver 192.0.2.53\nnameserver\t2001:db8::53\nnameserver nonsense\noptions x\n"
        let directory = try TemporaryDirectory()
        let file = try directory.write(text, to: "resolv.conf")
        #expect(ResolverConfiguration.servers(file: file).count == 2)
        #expect(ResolverConfiguration.servers(in: text).map(\.address.description) == ["192.0.2.53", "2001:db8::53"])
        #expect(ResolverConfiguration.servers(in: text).map(\.port) == [53, 53])
        #expect(ResolverConfiguration.servers(file: directory.file("absent")).map(\.address) == [.v4(0x7F00_0001)])
        #expect(ResolverConfiguration.read(file: file).unread == ["nonsense"])
    }

    @Test("LOC-69: a link-local name server keeps its interface; one without an interface that is here is told of")
    func scopedServer() throws {
        let text =
            "nameserver fe80::1%lo\nnameserver fe80::2%1\nnameserver fe80::3%absent0\nnameserver 2001:db8::1%lo\n"
        let servers = ResolverConfiguration.servers(in: text)
        #expect(servers.map(\.address.description) == ["fe80::1", "fe80::2"])
        #expect(servers.map(\.scope) == [1, 1])
        #expect(servers[0].socketAddress != DNSServer(servers[0].address).socketAddress)
        let directory = try TemporaryDirectory()
        let file = try directory.write(text, to: "resolv.conf")
        #expect(ResolverConfiguration.read(file: file).unread == ["fe80::3%absent0", "2001:db8::1%lo"])
    }

    @Test("A query says what DNSSEC it wants: DO for signatures, AD for the resolver's verdict, CD for none of it")
    func queryBits() throws {
        for (wants, verdict, own) in [(false, false, false), (true, true, false), (true, false, true)] {
            var options = DNSMessageCodec.QueryOptions()
            (options.wantsDNSSEC, options.asksForVerdict, options.checksItself) = (wants, verdict, own)
            let query = try #require(DNSMessageCodec.query(Self.question, id: 1, options))
            let flags = try #require(query.getInteger(at: 2, as: UInt16.self))
            #expect(flags & 0x0100 != 0, "recursion is desired")
            #expect((flags & 0x0020 != 0) == verdict && (flags & 0x0010 != 0) == own)
            guard case .query(let asked) = DNSQueryReader.read(query) else {
                Issue.record("it is no query")
                continue
            }
            #expect(asked.wantsDNSSEC == wants && asked.datagramSize == 1232)
        }
    }
}
