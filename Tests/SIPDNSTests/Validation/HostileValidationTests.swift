// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import TestSupport
import Testing

@Suite("DNSSEC against somebody on the way who changes what comes")
struct HostileValidationTests {
    /// A signed zone with a signed and an unsigned child, read; and the anchor.
    struct Family {
        let parent: Zone
        let children: [Zone]
        var anchor: String
    }

    static func family() async throws -> Family {
        let bench = try SigningBench()
        let child = try await bench.sign("sub.up.test", ValidationTests.hosts)
        let cut = "sub IN NS ns.sub\nns.sub IN A 127.0.0.1\nbare IN NS ns.bare\nns.bare IN A 127.0.0.1\n"
        let parent = try await bench.sign("up.test", ValidationTests.hosts + cut + child.anchor)
        let bare = try bench.plain("bare.up.test", ValidationTests.hosts)
        let children = try [child.file, bare].map { try ZoneFile.zone(of: $0) }
        return Family(parent: try ZoneFile.zone(of: parent.file), children: children, anchor: parent.anchor)
    }

    /// What the attacker makes of a reply.
    typealias Attack = @Sendable (inout ZoneReply, DNSQuestion) -> Void

    /// What `name` comes to while an attacker changes each reply.
    static func answer(
        _ name: String,
        _ type: DNSRecordType,
        in given: Family? = nil,
        _ attack: @escaping Attack
    ) async throws -> DNSAnswer {
        let family: Family = if let given { given } else { try await Self.family() }
        let (parent, children) = (family.parent, family.children)
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            // A resolver asks the parent for the DS record of a zone.
            let isAbove = query.asked.type == .ds && children.contains { $0.origin == query.asked.name }
            let zones = [parent] + (isAbove ? [] : children)
            var reply = ZoneReply.reply(to: query.question, in: zones, withDNSSEC: true)
            attack(&reply, query.question)
            return [.answer(query.bytes(of: reply))]
        }
        let client = try await SigningBench.client(server.port, family.anchor) { $0.attempts = 1 }
        let answer = try await client.ask(DNSQuestion(DNSName(name), type)).get()
        await server.stop()
        return answer
    }

    private static func strip(_ types: Set<DNSRecordType>) -> Attack {
        { reply, _ in
            reply.answers.removeAll { types.contains($0.type) }
            reply.authorities.removeAll { types.contains($0.type) }
        }
    }

    @Test("LOC-57: nobody changes it: secure, in the zone and in its child")
    func untouched() async throws {
        for name in ["host.up.test", "host.sub.up.test", "x.wild.sub.up.test", "www.sub.up.test"] {
            let answer = try await Self.answer(name, .a) { _, _ in }
            #expect(answer.security == .secure, "\(name): \(answer.reason ?? "")")
        }
        let none = try await Self.answer("x.wild.up.test", .srv) { _, _ in }
        #expect(none.outcome == .noData && none.security == .secure, "what our own server says of a wildcard is proven")
        #expect(try await Self.answer("host.bare.up.test", .a) { _, _ in }.security == .insecure)
    }

    @Test(
        "LOC-57: without its signatures, its proofs or its keys an answer is bogus, and never insecure",
        arguments: [
            ("host.up.test", [.rrsig]), ("host.sub.up.test", [.rrsig]), ("host.sub.up.test", [.ds]),
            ("host.sub.up.test", [.dnskey]), ("absent.up.test", [.nsec]), ("host.up.test", [.dnskey]),
            ("x.wild.up.test", [.nsec]), ("absent.up.test", [.rrsig]), ("host.bare.up.test", [.nsec]),
        ] as [(String, Set<DNSRecordType>)]
    )
    func stripped(name: String, types: Set<DNSRecordType>) async throws {
        let answer = try await Self.answer(name, .a, Self.strip(types))
        #expect(answer.outcome == .failure(.bogus))
        #expect(answer.security == .bogus)
        #expect(answer.reason != nil)
    }

    @Test("LOC-57: a proof of one name is no proof of another: absence that is not there is bogus")
    func replayedDenial() async throws {
        let family = try await Self.family()
        let stranger = ZoneReply.reply(
            to: DNSQuestion(DNSName("zzz.up.test"), .a),
            in: [family.parent],
            withDNSSEC: true
        )
        for type in [DNSRecordType.a, .aaaa] {
            let answer = try await Self.answer("host.up.test", type, in: family) { reply, question in
                guard question == DNSQuestion(DNSName("host.up.test"), type) else { return }
                reply.code = .nameError
                reply.answers = []
                reply.authorities = stranger.authorities
            }
            #expect(answer.outcome == .failure(.bogus), "\(type)")
            #expect(answer.reason?.contains("nothing proves") == true)
        }
    }

    @Test("LOC-57: a wildcard does not answer for a name that exists, and an alias is checked like any record")
    func replayedWildcard() async throws {
        let family = try await Self.family()
        let (name, wild) = (DNSName("real.wild.up.test"), DNSName("x.wild.up.test"))
        let expanded = ZoneReply.reply(to: DNSQuestion(wild, .a), in: [family.parent], withDNSSEC: true)
        #expect(try await Self.answer("real.wild.up.test", .a) { _, _ in }.security == .secure)
        let answer = try await Self.answer("real.wild.up.test", .a, in: family) { reply, question in
            guard question == DNSQuestion(name, .a) else { return }
            reply.authorities = expanded.authorities
            reply.answers = expanded.answers.map { record in
                let renamed = DNSRecord(name: name, type: record.type, ttl: 60, data: record.record.data)
                return ZoneRecord(record: renamed, line: 0, data: record.data)
            }
        }
        #expect(answer.outcome == .failure(.bogus))
        #expect(answer.reason?.contains("wildcard") == true)
        let alias = try await Self.answer("host.up.test", .a) { reply, question in
            guard question.name == DNSName("host.up.test"), question.type == .a else { return }
            let forged = DNSRecord(name: question.name, type: .cname, ttl: 60, data: .other)
            let target = DNSName("host.evil.test").wire ?? []
            reply.answers = [ZoneRecord(record: forged, line: 0, data: target)]
        }
        #expect(alias.outcome == .failure(.bogus))
    }

    @Test(
        "LOC-57: a code that denies what is there, signed, is bogus, behind aliases and for wildcards too",
        arguments: ["host.up.test", "www.up.test", "x.wild.up.test", "host.sub.up.test", "www.sub.up.test"]
    )
    func denyingCode(name: String) async throws {
        let answer = try await Self.answer(name, .a) { reply, question in
            if question.type == .a { reply.code = .nameError }
        }
        #expect(answer.outcome == .failure(.bogus))
        #expect(answer.security == .bogus)
    }

    @Test("An alias that a wildcard made stands for no name that exists, when zones are looked for either")
    func replayedAlias() async throws {
        let bench = try SigningBench()
        let signed = try await bench.sign("up.test", "* IN CNAME host.up.test.\nhost IN A 192.0.2.1\n")
        let zone = try ZoneFile.zone(of: signed.file)
        let family = Family(parent: zone, children: [], anchor: signed.anchor)
        #expect(try await Self.answer("x.up.test", .a, in: family) { _, _ in }.security == .secure)
        let expanded = ZoneReply.reply(to: DNSQuestion(DNSName("x.up.test"), .cname), in: [zone], withDNSSEC: true)
        let answer = try await Self.answer("host.up.test", .a, in: family) { reply, question in
            guard question.type == .ds else { return }
            reply.answers = expanded.answers.map { record in
                let data = record.record.data
                let renamed = DNSRecord(name: question.name, type: record.type, ttl: 60, data: data)
                return ZoneRecord(record: renamed, line: 0, data: record.data)
            }
            reply.authorities = expanded.authorities
        }
        #expect(answer.outcome == .failure(.bogus))
        #expect(answer.reason?.contains("no DS record") == true)
    }

    @Test("LOC-57: when the keys cannot be had, there is no answer, by the name of what went wrong")
    func indeterminate() async throws {
        let answer = try await Self.answer("host.up.test", .a) { reply, question in
            if question.type == .dnskey { reply = ZoneReply(code: .serverFailure) }
        }
        #expect(answer.outcome == .failure(.serverFailure))
        #expect(answer.security == .unchecked)
    }

    @Test("What lies below no trust anchor is insecure, and used")
    func outside() async throws {
        let anchor = try await Self.family().anchor
        let server = try await ClientBench.zoneServer()
        let client = try await SigningBench.client(server.port, anchor)
        let answer = try await client.ask(ClientBench.host).get()
        #expect(answer.records.count == 1)
        #expect(answer.security == .insecure)
        #expect(server.queries == ["udp A host.z.test"])
        await server.stop()
    }

    @Test("A trust anchor is a DS or DNSKEY record; anything else is told with its line")
    func anchors() throws {
        let text = "z.test. 60 IN A 192.0.2.1\n"
        let records = try ZoneFile.records(in: text, file: "f")
        #expect(throws: ZoneProblems.self) { try TrustAnchors(records, file: "f") }
        #expect(throws: ZoneProblems.self) { try TrustAnchors([], file: "f") }
    }
}
