// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPDNS
import SIPLocation
import SIPMessage
import Synchronization
import TestSupport
import Testing

@Suite("Zone server")
struct ZoneServerTests {
    static let loop = MultiThreadedEventLoopGroup.singleton.next()

    static func start(_ sources: [ZoneSource], limits: ZoneServer.Limits = .init()) async throws -> ZoneServer {
        try await ZoneServer.start(sources, port: UInt16(try FreePort.next()), loop: loop, limits: limits)
    }

    static let text = """
        $ORIGIN z.test.
        $TTL 300
        @ 3600 IN SOA ns hostmaster 1 2 3 4 120
        @ IN NS ns
        ns IN A 127.0.0.1
        www IN CNAME host
        host IN A 192.0.2.1
             IN AAAA 2001:db8::1
        out IN CNAME elsewhere.test.
        *.wild IN A 192.0.2.9
        a.b.c IN A 192.0.2.3
        sub IN NS ns.sub
        ns.sub IN A 192.0.2.53

        """

    @Test("Answers, aliases, wildcards, absence with its SOA, referrals and refusals (RFC 1034 section 4.3.2)")
    func replies() async throws {
        let server = try await Self.start([.text(Self.text, name: "z")])
        func ask(_ name: String, _ type: DNSRecordType) async throws -> DNSMessageCodec.Response {
            try await Asking.datagram(DNSQuestion(DNSName(name), type), port: server.port)
        }
        let host = try await ask("HOST.z.test", .a)
        #expect(host.code == 0)
        #expect(host.answers.map(\.data) == [.address(.v4(0xC000_0201))])
        let alias = try await ask("www.z.test", .aaaa)
        #expect(alias.answers.map(\.type) == [.cname, .aaaa])
        let outside = try await ask("out.z.test", .a)
        #expect(outside.answers.map(\.data) == [.cname(DNSName("elsewhere.test"))])
        let wild = try await ask("x.y.wild.z.test", .a)
        #expect(wild.answers.map(\.name.text) == ["x.y.wild.z.test"])
        let noData = try await ask("host.z.test", .srv)
        #expect(noData.code == 0)
        #expect(noData.answers.isEmpty)
        #expect(noData.authorities.map(\.type) == [.soa])
        #expect(noData.authorities.map(\.ttl) == [120])
        #expect(try await ask("b.c.z.test", .a).code == 0, "an empty non-terminal exists (RFC 4592 section 2.2.2)")
        #expect(try await ask("absent.z.test", .a).code == 3)
        #expect(try await ask("z.other", .a).code == 5)
        let referral = try await ask("x.sub.z.test", .a)
        #expect(referral.answers.isEmpty)
        #expect(referral.authorities.map(\.data) == [.ns(DNSName("ns.sub.z.test"))])
        await server.stop()
    }

    @Test("A long answer is cut to 512 octets without EDNS, to 1232 with it, and whole over TCP (RFC 6891)")
    func truncation() async throws {
        let records = (0..<40).map { "_sip._tcp IN SRV 10 10 5060 server-number-\($0)\n" }.joined()
        let server = try await Self.start([.text(Self.text + records, name: "z")])
        let question = DNSQuestion(DNSName("_sip._tcp.z.test"), .srv)
        let small = try await Asking.datagram(question, port: server.port, withEDNS: false)
        #expect(small.isTruncated)
        #expect(small.answers.isEmpty)
        #expect(try await Asking.datagram(question, port: server.port).isTruncated)
        let whole = try await Asking.stream([question], port: server.port)
        #expect(whole[0]?.answers.count == 40)
        await server.stop()
    }

    @Test("Many queries in one TCP write are all answered (RFC 7766 section 6.2.1.1)")
    func pipelining() async throws {
        let server = try await Self.start([.text(Self.text, name: "z")])
        let questions = (0..<50).map { DNSQuestion(DNSName($0 % 2 == 0 ? "host.z.test" : "none.z.test"), .a) }
        let answers = try await Asking.stream(questions, port: server.port)
        #expect(answers.count == 50)
        #expect(answers[0]?.code == 0)
        #expect(answers[1]?.code == 3)
        await server.stop()
    }

    @Test("A changed file is served within a second; a bad one is told and the old one stays")
    func reload() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(Self.text, to: "z.zone")
        let events = Mutex<[String]>([])
        let server = try await ZoneServer.start([.file(file)], port: UInt16(try FreePort.next()), loop: Self.loop) {
            if case .asked = $0 { return }
            let line = "\($0)"
            events.withLock { $0.append(line) }
        }
        let question = DNSQuestion(DNSName("host.z.test"), .a)
        @Sendable func address() async throws -> DNSRecordData? {
            try await Asking.datagram(question, port: server.port).answers.first?.data
        }
        #expect(try await address() == .address(.v4(0xC000_0201)))
        try directory.write(Self.text.replacing("192.0.2.1\n", with: "192.0.2.77\n"), to: "z.zone")
        #expect(try await Waiting.until(within: .seconds(3)) { try await address() == .address(.v4(0xC000_024D)) })
        try directory.write(Self.text + "host IN A nonsense\n", to: "z.zone")
        #expect(
            await Waiting.until(within: .seconds(3)) {
                events.withLock { $0.last ?? "" }.contains("the old zone goes on")
            }
        )
        #expect(try await address() == .address(.v4(0xC000_024D)))
        let statistics = try await server.statistics()
        #expect(statistics.reloads == 1)
        #expect(statistics.refusals == 1)
        await server.stop()
    }

    @Test("The text of a zone can be replaced; a bad one changes nothing")
    func replacement() async throws {
        let server = try await Self.start([.text(Self.text, name: "z")])
        try await server.replace("z", with: Self.text + "new IN A 192.0.2.4\n")
        let question = DNSQuestion(DNSName("new.z.test"), .a)
        #expect(try await Asking.datagram(question, port: server.port).answers.count == 1)
        await #expect(throws: ZoneProblems.self) { try await server.replace("z", with: "nonsense") }
        await #expect(throws: ZoneProblems.self) { try await server.replace("y", with: Self.text) }
        #expect(try await Asking.datagram(question, port: server.port).answers.count == 1)
        await server.stop()
    }

    @Test("Trouble can be rehearsed: SERVFAIL for one type, other TTLs, no answer at all")
    func trouble() async throws {
        let server = try await Self.start([.text(Self.text, name: "z")])
        let question = DNSQuestion(DNSName("host.z.test"), .a)
        var trouble = ZoneTrouble()
        trouble.failureShare = 1
        trouble.types = [.srv]
        try await server.rehearse(trouble)
        #expect(try await Asking.datagram(DNSQuestion(question.name, .srv), port: server.port).code == 2)
        #expect(try await Asking.datagram(question, port: server.port).code == 0)
        trouble = ZoneTrouble()
        trouble.ttl = 7
        trouble.delay = .milliseconds(100)
        try await server.rehearse(trouble)
        let start = ContinuousClock.now
        #expect(try await Asking.datagram(question, port: server.port).answers.map(\.ttl) == [7])
        #expect(ContinuousClock.now - start >= .milliseconds(100))
        trouble = ZoneTrouble()
        trouble.dropShare = 1
        try await server.rehearse(trouble)
        let query = try #require(DNSMessageCodec.query(question, id: 1, withEDNS: true))
        await #expect(throws: TestSupportError.self) {
            try await UDPExchange.send(query, host: "127.0.0.1", port: Int(server.port), within: .milliseconds(200))
        }
        #expect(try await server.statistics().dropped == 1)
        await server.stop()
    }

    @Test("A signed zone gives its signatures, and its proofs of absence, to those who ask for them (RFC 4035)")
    func signed() async throws {
        let server = try await Self.start([.file(Repository.zone("signed"))])
        let question = DNSQuestion(DNSName("_sips._tcp.signed.example.test"), .srv)
        #expect(try await Asking.datagram(question, port: server.port).answers.allSatisfy { $0.type == .srv })
        let secure = try await Asking.datagram(question, port: server.port, wantsDNSSEC: true)
        #expect(secure.answers.map(\.type) == [.srv, .srv, .rrsig])
        let absent = DNSQuestion(DNSName("nobody.signed.example.test"), .a)
        let denial = try await Asking.datagram(absent, port: server.port, wantsDNSSEC: true)
        #expect(denial.code == 3)
        #expect(denial.authorities.contains { $0.type == .nsec })
        await server.stop()
    }

    @Test("Connections above the limit are closed at once")
    func connectionLimit() async throws {
        var limits = ZoneServer.Limits()
        limits.connections = 0
        let server = try await Self.start([.text(Self.text, name: "z")], limits: limits)
        await #expect(throws: (any Error).self) {
            try await Asking.stream([DNSQuestion(DNSName("host.z.test"), .a)], port: server.port)
        }
        await server.stop()
    }

    @Test("Zones that cannot be served are refused before anything is opened, with every problem")
    func refused() async throws {
        let problems = await #expect(throws: ZoneProblems.self) {
            try await Self.start([.text(Self.text, name: "a"), .text(Self.text, name: "b"), .file("/nonexistent")])
        }
        #expect(problems?.problems.count == 2)
    }

    @Test("Responses, short messages and strange counts never get an answer that could loop (RFC 5625 section 4)")
    func hostile() {
        var response = ByteBuffer(bytes: [0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(DNSQueryReader.read(response) == .ignored)
        response.clear()
        #expect(DNSQueryReader.read(response) == .ignored)
        let twoQuestions = ByteBuffer(bytes: [0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0])
        guard case .malformed(let asked) = DNSQueryReader.read(twoQuestions) else {
            Issue.record("not malformed")
            return
        }
        let answer = DNSResponseWriter.write(ZoneReply(code: .formatError), to: asked, limit: 512)
        #expect(answer.readableBytes == 12)
    }
}
