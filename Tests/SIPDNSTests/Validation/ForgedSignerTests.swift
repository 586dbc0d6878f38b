// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

/// Whoever writes a signature chooses whom it names; which zone a name is in, the chain of trust says.
@Suite("DNSSEC against signatures that name another zone as their signer")
struct ForgedSignerTests {
    private typealias Family = HostileValidationTests.Family

    /// `up.test` with a signed child, and an unsigned one that has a signed zone below it.
    private struct Islands {
        let family: Family
        let child: String
        let isle: String
    }

    private static func islands() async throws -> Islands {
        func cut(_ name: String) -> String { "\(name) IN NS ns.\(name)\nns.\(name) IN A 127.0.0.1\n" }
        let bench = try SigningBench()
        let hosts = ValidationTests.hosts
        let child = try await bench.sign("sub.up.test", hosts)
        let isle = try await bench.sign("isle.bare.up.test", hosts)
        let parent = try await bench.sign("up.test", hosts + cut("sub") + cut("bare") + child.anchor)
        let bare = try bench.plain("bare.up.test", hosts + cut("isle"))
        let children = try [child.file, bare, isle.file].map { try ZoneFile.zone(of: $0) }
        let family = Family(parent: try ZoneFile.zone(of: parent.file), children: children, anchor: parent.anchor)
        return Islands(family: family, child: child.anchor, isle: isle.anchor)
    }

    /// The records with every signature made to name `signer`, which leaves none that holds.
    private static func signed(_ records: [ZoneRecord], by signer: DNSName) -> [ZoneRecord] {
        records.map { record in
            guard record.type == .rrsig else { return record }
            // Before the signer stand 18 octets; after it the signature (RFC 4034 section 3.1).
            var end = 18
            while end < record.data.count, record.data[end] != 0 { end += Int(record.data[end]) + 1 }
            let data = record.data[..<18] + (signer.wire ?? []) + record.data[(end + 1)...]
            return ZoneRecord(record: record.record, line: record.line, data: Array(data))
        }
    }

    private static let forged = DNSRecordData.address(.v4(0xC633_6442))

    /// What a name comes to when its answer is another one, or none, with signatures that name `signer`.
    private static func answer(
        _ name: String,
        _ forgery: Forgery,
        signer: String,
        in family: Family
    ) async throws -> DNSAnswer {
        try await HostileValidationTests.answer(name, .a, in: family) { reply, question in
            guard question == DNSQuestion(DNSName(name), .a) else { return }
            switch forgery {
            case .records:
                reply.answers = reply.answers.map { record in
                    guard record.type == .a else { return record }
                    let forged = DNSRecord(name: record.name, type: .a, ttl: 60, data: Self.forged)
                    return ZoneRecord(record: forged, line: 0, data: [198, 51, 100, 66])
                }
            case .noData, .nameError:
                let zones = [family.parent] + family.children
                let other = DNSQuestion(question.name, .txt)
                reply = ZoneReply.reply(to: other, in: zones, withDNSSEC: true)
                if forgery == .nameError { reply.code = .nameError }
            }
            reply.answers = Self.signed(reply.answers, by: DNSName(signer))
            reply.authorities = Self.signed(reply.authorities, by: DNSName(signer))
        }
    }

    enum Forgery: CaseIterable { case records, noData, nameError }

    @Test("LOC-57: a signer above the trust anchor makes nothing insecure", arguments: Forgery.allCases)
    func above(forgery: Forgery) async throws {
        let family = try await Self.islands().family
        for name in ["host.up.test", "host.sub.up.test"] {
            for signer in ["test", "."] {
                let answer = try await Self.answer(name, forgery, signer: signer, in: family)
                #expect(answer.outcome == .failure(.bogus), "\(name) by \(signer)")
                #expect(answer.security == .bogus)
            }
        }
    }

    @Test("LOC-57: nor does one above an anchor that no chain leads to", arguments: Forgery.allCases)
    func island(forgery: Forgery) async throws {
        let islands = try await Self.islands()
        var alone = islands.family
        alone.anchor = islands.child
        let child = try await Self.answer("host.sub.up.test", forgery, signer: "up.test", in: alone)
        #expect(child.outcome == .failure(.bogus))
        // Of the zone between the two anchors it is proven that nobody signs it.
        var both = islands.family
        both.anchor += islands.isle
        for signer in ["bare.up.test", "up.test"] {
            let isle = try await Self.answer("host.isle.bare.up.test", forgery, signer: signer, in: both)
            #expect(isle.outcome == .failure(.bogus), "by \(signer)")
        }
    }

    @Test("LOC-57: without a forger an island is secure, and what lies around it insecure")
    func untouched() async throws {
        let islands = try await Self.islands()
        var both = islands.family
        both.anchor += islands.isle
        let expected: [(String, DNSAnswer.Security)] = [
            ("host.isle.bare.up.test", .secure), ("gone.isle.bare.up.test", .secure), ("host.bare.up.test", .insecure),
            ("host.sub.up.test", .secure),
        ]
        for (name, security) in expected {
            let answer = try await HostileValidationTests.answer(name, .a, in: both) { _, _ in }
            #expect(answer.security == security, "\(name): \(answer.reason ?? "")")
        }
    }

    @Test("LOC-57: a zone's own parent cannot sign for it")
    func parent() async throws {
        let family = try await Self.islands().family
        for forgery in Forgery.allCases {
            let answer = try await Self.answer("host.sub.up.test", forgery, signer: "up.test", in: family)
            #expect(answer.outcome == .failure(.bogus), "\(forgery)")
        }
    }
}
