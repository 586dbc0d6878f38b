// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import Synchronization
import TestSupport
import Testing

@Suite("One question to a server: what is believed, and what is done about what is not")
struct ExchangeTests {
    static let real = DNSRecordData.address(.v4(0xC000_0201))
    static let forged =
        "$ORIGIN z.test.\n@ 60 IN SOA ns h 1 2 3 4 5\nhost 60 IN A 192.0.2.66\nevil 60 IN A 192.0.2.66\n"

    /// Every kind of answer that a forger could send, for one query.
    static func forgeries(_ query: FakeDNS.Query, _ evil: Zone) -> [FakeDNS.Action] {
        func answer(_ change: (inout DNSResponseWriter.Asked) -> Void) -> ByteBuffer {
            var other = query
            change(&other.asked)
            return other.bytes(of: ZoneReply.reply(to: query.question, in: [evil], withDNSSEC: false))
        }
        func question(_ name: String, _ type: DNSRecordType, _ kind: UInt16 = 1) -> ByteBuffer {
            var bytes = ByteBuffer(bytes: DNSName(name).wire ?? [])
            bytes.writeInteger(type.rawValue)
            bytes.writeInteger(kind)
            return bytes
        }
        var isQuery = answer { _ in }
        isQuery.setInteger(UInt8(0), at: 2)
        var cut = answer { _ in }
        cut = cut.readSlice(length: 20) ?? cut
        return [
            .forge(answer { _ in }),
            .answer(answer { $0.id &+= 1 }),
            .answer(answer { $0.question = question("evil.z.test", .a) }),
            .answer(answer { $0.question = question("host.z.test", .aaaa) }),
            .answer(answer { $0.question = question("host.z.test", .a, 3) }),
            .answer(answer { $0.question = ByteBuffer() }),
            .answer(isQuery), .answer(cut), .answer(ByteBuffer()),
            .answer(ByteBuffer(string: "no DNS at all, but long")),
        ]
    }

    @Test("LOC-67: an answer from another port, with another id or question, or none at all, is passed over")
    func forgeries() async throws {
        let (zone, evil) = (
            try ClientBench.zone(), try Zone(try ZoneFile.records(in: Self.forged, file: "f"), file: "f")
        )
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            Self.forgeries(query, evil) + [.answer(query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port])
        let answer = try await client.ask(ClientBench.host).get()
        #expect(answer.records.map(\.data) == [Self.real])
        #expect(server.queries == ["udp A host.z.test"])
        await server.stop()
    }

    @Test("LOC-67: forgeries alone are no answer, only a timeout")
    func forgeriesAlone() async throws {
        let evil = try Zone(try ZoneFile.records(in: Self.forged, file: "f"), file: "f")
        let server = try await FakeDNS.start(on: ClientBench.loop) { Self.forgeries($0, evil) }
        let client = try await ClientBench.client([server.port], timeout: .milliseconds(150))
        #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.timeout))
        #expect(server.queries.count == 2, "asked in two rounds")
        await server.stop()
    }

    @Test("LOC-67: ids and source ports are drawn anew for each query")
    func entropy() async throws {
        let zone = try ClientBench.zone((0..<64).map { "h\($0) IN A 192.0.2.1\n" }.joined())
        let ids = Counter()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            ids.add(query.asked.id)
            return [.answer(query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port])
        for index in 0..<64 {
            #expect(try await client.ask(DNSQuestion(DNSName("h\(index).z.test"), .a)).get().records.count == 1)
        }
        #expect(ids.distinct > 55)
        await server.stop()
    }

    @Test("LOC-67: source ports really differ from query to query")
    func sourcePorts() async throws {
        let server = try await ClientBench.zoneServer("* IN A 192.0.2.9\n")
        let client = try await ClientBench.client([server.port])
        for index in 0..<64 {
            #expect(!(try await client.ask(DNSQuestion(DNSName("p\(index).z.test"), .a)).get().isFailure))
        }
        #expect(server.sourcePorts > 55)
        await server.stop()
    }

    @Test("LOC-67: with case randomization each query draws its case, and an answer in another case is passed over")
    func caseRandomization() async throws {
        let zone = try ClientBench.zone("* IN A 192.0.2.9\n")
        let spellings = Mutex<Set<String>>([])
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            var name = query.asked.question
            let spelling = String(decoding: name.readBytes(length: name.readableBytes) ?? [], as: UTF8.self)
            spellings.withLock { _ = $0.insert(spelling) }
            // First one in lower case, as a forger would write it who does not see the query.
            var forged = query
            let kind: [UInt8] = [0, 1, 0, 1]
            forged.asked.question = ByteBuffer(bytes: (query.asked.name.wire ?? []) + kind)
            let evil = ZoneReply.reply(to: query.question, in: [zone], withDNSSEC: false)
            var empty = evil
            empty.answers = []
            empty.authorities = [zone.soa]
            return [.answer(forged.bytes(of: empty)), .answer(query.bytes(of: evil))]
        }
        let client = try await ClientBench.client([server.port]) { $0.mixesCase = true }
        for index in 0..<20 {
            let name = DNSName("a-name-with-many-letters-\(index).z.test")
            #expect(try await client.ask(DNSQuestion(name, .a)).get().records.map(\.name) == [name])
        }
        let mixed = spellings.withLock { $0.count { $0 != $0.lowercased() && $0 != $0.uppercased() } }
        #expect(mixed == 20)
        await server.stop()
    }

    @Test("LOC-66: a cut answer is never used: the question goes over TCP")
    func truncation() async throws {
        let zone = try ClientBench.zone()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            [.answer(query.isTCP ? query.reply(zone) : query.bytes(of: ZoneReply(), isCut: true))]
        }
        let client = try await ClientBench.client([server.port])
        #expect(try await client.ask(ClientBench.host).get().records.map(\.data) == [Self.real])
        #expect(server.queries == ["udp A host.z.test", "tcp A host.z.test"])
        await server.stop()
    }

    @Test(
        "LOC-66: an answer that is cut over TCP too, and a TCP answer to something else, are malformed",
        arguments: [0, 1]
    )
    func brokenStream(kind: Int) async throws {
        let zone = try ClientBench.zone()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            guard query.isTCP else { return [.answer(query.bytes(of: ZoneReply(), isCut: true))] }
            if kind == 0 {
                // The records are there, and the bit says that some are not.
                var bytes = query.reply(zone)
                bytes.setInteger(UInt8(0x86), at: 2)
                return [.answer(bytes)]
            }
            var other = query
            other.asked.id &+= 1
            return [.answer(other.reply(zone))]
        }
        let client = try await ClientBench.client([server.port], timeout: .seconds(10)) { $0.attempts = 1 }
        #expect(try await client.ask(ClientBench.host).get().outcome == .failure(.malformed))
        #expect(server.queries.count == 2)
        await server.stop()
    }

    @Test("LOC-66: a server without EDNS is asked again without it, over TCP too", arguments: [1, 4, 16] as [UInt8])
    func withoutEDNS(code: UInt8) async throws {
        let zone = try ClientBench.zone()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            if query.asked.hasEDNS {
                let reply = ZoneReply(code: ZoneReply.Code(rawValue: code) ?? .noError)
                let bytes = DNSResponseWriter.write(reply, to: query.asked, limit: 512, extendedCode: code >> 4)
                return [.answer(bytes)]
            }
            return [.answer(query.isTCP ? query.reply(zone) : query.bytes(of: ZoneReply(), isCut: true))]
        }
        let client = try await ClientBench.client([server.port])
        #expect(try await client.ask(ClientBench.host).get().records.map(\.data) == [Self.real])
        #expect(server.queries == ["udp A host.z.test", "udp A host.z.test plain", "tcp A host.z.test plain"])
        await server.stop()
    }
}
