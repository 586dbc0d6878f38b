// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import SIPDNS

@Suite("Hostile and outsized answers: none stops the resolver, none is believed, none stays")
struct HostileAnswerTests {
    static let service = DNSQuestion(DNSName("_sip._tcp.z.test"), .srv)

    /// Asks for `host.z.test` while every first answer is what `attack` makes, then again with the truth to be had.
    static func attacked(
        _ question: DNSQuestion = ClientBench.host,
        timeout: TimeAmount = .milliseconds(300),
        _ attack: @escaping @Sendable (FakeDNS.Query, ByteBuffer) -> [FakeDNS.Action]
    ) async throws -> (attacked: DNSAnswer, after: DNSAnswer) {
        let zone = try ClientBench.zone("_sip._tcp IN SRV 10 0 5060 host\n")
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            let truth = query.reply(zone)
            return query.index == 0 ? attack(query, truth) : [.answer(truth)]
        }
        let client = try await ClientBench.client([server.port], timeout: timeout) {
            $0.attempts = 1
            $0.cache.failureHold = .nanoseconds(1)
            $0.cache.failureHoldMaximum = .nanoseconds(1)
        }
        let first = try await client.ask(question).get()
        let second = try await client.ask(question).get()
        await server.stop()
        return (first, second)
    }

    /// A response with this behind its header and question.
    static func response(_ query: FakeDNS.Query, answers: UInt16, _ rest: [UInt8]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for number in [query.asked.id, 0x8180, 1, answers, 0, 0] as [UInt16] { bytes.writeInteger(number) }
        bytes.writeImmutableBuffer(query.asked.question)
        bytes.writeBytes(rest)
        return bytes
    }

    /// Names that point to themselves, in a circle, ahead, and into the header.
    static let pointers: [[UInt8]] = [
        [0xC0, 0x1D], [0xC0, 0x1F, 0xC0, 0x1D], [1, 0x61, 0xC0, 0x1D], [0xFF, 0xFF], [0xC0, 0x00], [0xC0],
        [0x40, 0x61], [0x80, 0x61],
    ]

    @Test("Names that loop, point ahead or are cut are no answer, and the next one is good", arguments: pointers)
    func compressionLoops(name: [UInt8]) async throws {
        let data: [UInt8] = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]
        let (attacked, after) = try await Self.attacked { query, _ in
            [.answer(Self.response(query, answers: 1, name + data))]
        }
        #expect(attacked.records.isEmpty)
        #expect(after.records.map(\.data) == [.address(.v4(0xC000_0201))])
    }

    @Test("A name of 255 octets is read, one of 256 is not, and neither stays")
    func longNames() async throws {
        let label: [UInt8] = [63] + [UInt8](repeating: 0x61, count: 63)
        let (long, tooLong) = (label + label + label, label + label + label + label)
        let end: [UInt8] = [61] + [UInt8](repeating: 0x62, count: 61) + [0]
        let data: [UInt8] = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]
        #expect((long + end).count == 255)
        for name in [long + end, tooLong + [0], tooLong + end] {
            let (attacked, after) = try await Self.attacked { query, _ in
                [.answer(Self.response(query, answers: 1, name + data))]
            }
            #expect(attacked.records.isEmpty)
            #expect(after.records.count == 1)
        }
        let longest = DNSName(wire: long + end)
        #expect(longest?.isAskable == true)
        let server = try await ClientBench.zoneServer()
        let client = try await ClientBench.client([server.port])
        let labels = [63, 63, 63, 54].map { [UInt8](repeating: 0x62, count: $0) }
        let question = DNSQuestion(DNSName(labels: labels + ["z", "test"].map { Array($0.utf8) }), .a)
        #expect(question.name.wire?.count == 255)
        #expect(try await client.ask(question).get().outcome == .nameError)
        await server.stop()
    }

    @Test("A thousand records are taken, over TCP, and a thousand of other names beside them are not believed")
    func thousandRecords() async throws {
        let many = (0..<1000).map { "many IN A 10.1.\($0 / 250).\($0 % 250 + 1)\n" }.joined()
        let zone = try ClientBench.zone(many)
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            guard query.isTCP else { return [.answer(query.bytes(of: ZoneReply(), isCut: true))] }
            var reply = ZoneReply.reply(to: query.question, in: [zone], withDNSSEC: false)
            reply.answers += zone.records.filter { $0.name != query.asked.name && $0.type == .a }
            reply.answers += zone.set(DNSName("many.z.test"), .a)
            return [.answer(query.bytes(of: reply))]
        }
        let client = try await ClientBench.client([server.port], timeout: .seconds(20))
        let answer = try await client.ask(DNSQuestion(DNSName("many.z.test"), .a)).get()
        #expect(Set(answer.records).count == 1000)
        #expect(answer.records.allSatisfy { $0.name == DNSName("many.z.test") })
        let host = try await client.ask(ClientBench.host).get()
        #expect(host.records.map(\.data) == [.address(.v4(0xC000_0201))])
        await server.stop()
    }

    @Test("LOC-66: sixty SRV records do not fit into UDP, and come whole over TCP")
    func sixtyServices() async throws {
        let text = (0..<60).map { "_sip._tcp IN SRV 10 \($0) 5060 target-with-a-long-name-\($0)\n" }.joined()
        let zone = try ClientBench.zone(text)
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            let reply = ZoneReply.reply(to: query.question, in: [zone], withDNSSEC: false)
            let limit = query.isTCP ? 65_535 : query.asked.datagramSize
            return [.answer(DNSResponseWriter.write(reply, to: query.asked, limit: limit))]
        }
        let client = try await ClientBench.client([server.port])
        let answer = try await client.ask(Self.service).get()
        #expect(answer.records.count == 60)
        #expect(server.queries == ["udp SRV _sip._tcp.z.test", "tcp SRV _sip._tcp.z.test"])
        await server.stop()
    }

    @Test("LOC-67: forged answers before the right one change nothing, now or later")
    func forgedFirst() async throws {
        let evil = try Zone(try ZoneFile.records(in: ExchangeTests.forged, file: "f"), file: "f")
        let (attacked, after) = try await Self.attacked(timeout: .seconds(10)) { query, truth in
            ExchangeTests.forgeries(query, evil) + [.answer(truth)]
        }
        for answer in [attacked, after] { #expect(answer.records.map(\.data) == [ExchangeTests.real]) }
    }

    @Test("LOC-25: an address in the additional section is not used: the name is asked for")
    func additional() async throws {
        let zone = try ClientBench.zone("_sip._tcp IN SRV 10 0 5060 host\n")
        let evil = try Zone(try ZoneFile.records(in: ExchangeTests.forged, file: "f"), file: "f")
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            var reply = ZoneReply.reply(to: query.question, in: [zone], withDNSSEC: false)
            reply.additionals = evil.set(DNSName("host.z.test"), .a)
            return [.answer(query.bytes(of: reply))]
        }
        let client = try await ClientBench.client([server.port])
        let target = try SIPTarget("sip:z.test;transport=tcp")
        let outcome = try await TargetResolver(client: client).resolve(target, policy: ResolutionPolicy())
        let endpoints = try InteroperationTests.endpoints(outcome)
        #expect(endpoints == ["10 0 tcp:192.0.2.1:5060", "10 0 tcp:[2001:db8::1]:5060"])
        #expect(server.queries.contains("udp A host.z.test"))
        await server.stop()
    }

    @Test("LOC-60: a failure is remembered for its own question, and no other")
    func failureScope() async throws {
        let zone = try ClientBench.zone()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            let isBad = query.question == ClientBench.host
            return [.answer(isBad ? query.bytes(of: ZoneReply(code: .serverFailure)) : query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port]) { $0.attempts = 1 }
        for _ in 0..<3 { #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.serverFailure)) }
        let other = DNSQuestion(ClientBench.host.name, .aaaa)
        #expect(try await client.ask(other).get().records.count == 1)
        #expect(try await client.ask(DNSQuestion(DNSName("ns.z.test"), .a)).get().records.count == 1)
        #expect(server.queries == ["udp A host.z.test", "udp AAAA host.z.test", "udp A ns.z.test"])
        await server.stop()
    }

    @Test("LOC-61: after the longest stale time the data has ended: what cannot be asked is a failure then")
    func staleEnd() async throws {
        let zone = try ClientBench.zone("short 1 IN A 192.0.2.7\n")
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            [.answer(query.index == 0 ? query.reply(zone) : query.bytes(of: ZoneReply(code: .serverFailure)))]
        }
        let client = try await ClientBench.client([server.port]) {
            $0.attempts = 1
            $0.cache.stale = .milliseconds(500)
            $0.cache.failureHold = .nanoseconds(1)
            $0.cache.staleRetry = .nanoseconds(1)
        }
        let question = DNSQuestion(DNSName("short.z.test"), .a)
        #expect(try await client.ask(question).get().records.count == 1)
        let hasEnded = try await Waiting.until(within: .seconds(10)) {
            try await client.ask(question, awaitingRenewal: true).get().outcome == .failure(.serverFailure)
        }
        #expect(hasEnded)
        await server.stop()
    }
}
