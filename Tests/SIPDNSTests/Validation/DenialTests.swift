// SPDX-License-Identifier: Apache-2.0

import SIPLocation
import Testing

@testable import SIPDNS

@Suite("What NSEC and NSEC3 records prove, without any signature")
struct DenialTests {
    static let zone = DNSName("z.test")

    /// An NSEC record from `owner` to `next`, with these types.
    static func nsec(_ owner: String, _ next: String, _ types: [DNSRecordType] = [.a]) throws -> DenialRecord {
        let data = (DNSName(next).wire ?? []) + bitmap(types)
        return try #require(DenialRecord(owner: DNSName(owner), type: .nsec, data: data))
    }

    /// Types below 256, in one window.
    static func bitmap(_ types: [DNSRecordType]) -> [UInt8] {
        guard !types.isEmpty else { return [] }
        var bits = [UInt8](repeating: 0, count: 32)
        for type in types { bits[Int(type.rawValue / 8)] |= 0x80 >> UInt8(type.rawValue % 8) }
        return [0, 32] + bits
    }

    static func denial(_ records: [DenialRecord]) -> Denial { Denial(zone: zone, records: records) }

    @Test("A name between two neighbours is absent only when the wildcard of its closest encloser is denied too")
    func absence() throws {
        let cover = try Self.nsec("b.z.test", "f.z.test")
        let name = DNSName("_sip._udp.d.z.test")
        #expect(Self.denial([cover]).absence(of: name) == .none, "*.z.test may answer")
        let apex = try Self.nsec("z.test", "b.z.test", [.ns, .soa])
        #expect(Self.denial([cover, apex]).absence(of: name) == .proven)
        #expect(Self.denial([cover, apex]).absence(of: DNSName("b.z.test")) == .none)
        #expect(Self.denial([cover, apex]).absence(of: DNSName("f.z.test")) == .none)
        #expect(Self.denial([cover, apex]).absence(of: DNSName("g.z.test")) == .none)
        #expect(Self.denial([cover, apex]).absence(of: DNSName("d.other.test")) == .none)
        let last = try Self.nsec("y.z.test", "z.test")
        #expect(Self.denial([last, apex]).absence(of: DNSName("zz.z.test")) == .proven)
    }

    @Test("A delegation says nothing of what is below it, and an alias nothing of what it is an alias for")
    func ancestors() throws {
        let apex = try Self.nsec("z.test", "a.z.test", [.ns, .soa])
        let cut = try Self.nsec("sub.z.test", "t.z.test", [.ns])
        #expect(Self.denial([apex, cut]).absence(of: DNSName("host.sub.z.test")) == .none)
        #expect(Self.denial([cut]).absence(of: .a, at: DNSName("sub.z.test")) == .none)
        #expect(Self.denial([cut]).absence(of: .ds, at: DNSName("sub.z.test")) == .proven)
        #expect(Self.denial([cut]).isDelegation(DNSName("sub.z.test")))
        let child = try Self.nsec("sub.z.test", "t.z.test", [.ns, .soa])
        #expect(Self.denial([child]).absence(of: .ds, at: DNSName("sub.z.test")) == .none, "the child's word")
        let alias = try Self.nsec("w.z.test", "x.z.test", [.cname])
        #expect(Self.denial([alias]).absence(of: .a, at: DNSName("w.z.test")) == .none)
    }

    @Test("An empty name exists because of what is below it; a wildcard without the type has none to give")
    func noData() throws {
        let apex = try Self.nsec("z.test", "a.b.z.test", [.ns, .soa])
        #expect(Self.denial([apex]).absence(of: .a, at: DNSName("b.z.test")) == .proven)
        #expect(Self.denial([apex]).absence(of: DNSName("b.z.test")) == .none)
        let wildcard = try Self.nsec("*.w.z.test", "x.z.test", [.a])
        let denial = Self.denial([wildcard])
        #expect(denial.absence(of: .srv, at: DNSName("q.w.z.test")) == .proven)
        #expect(denial.absence(of: .a, at: DNSName("q.w.z.test")) == .none)
        #expect(denial.expansion(to: DNSName("q.w.z.test"), labels: 3) == .proven)
        #expect(denial.expansion(to: DNSName("q.w.z.test"), labels: 2) == .none)
    }

    @Test(
        "A record that is cut, empty or too long is none",
        arguments: [
            (.nsec, []), (.nsec, [3, 0x61]), (.nsec, [1, 0x61, 0, 0]), (.nsec, [1, 0x61, 0, 0, 33]),
            (.nsec, [1, 0x61, 0, 0, 0]), (.nsec3, []), (.nsec3, [1, 0, 0, 1, 0, 0]), (.nsec3, [1, 0, 0, 1, 9, 1]),
            (.nsec3, [1, 0, 0, 1, 0, 20, 1]), (.a, [192, 0, 2, 1]),
        ] as [(DNSRecordType, [UInt8])]
    )
    func malformed(type: DNSRecordType, data: [UInt8]) {
        #expect(DenialRecord(owner: Self.zone, type: type, data: data) == nil)
    }

    @Test("More iterations than RFC 9276 has patience for make a zone insecure, whatever its records say")
    func iterations() throws {
        for (count, proof) in [(150, Denial.Proof.none), (151, .optOut), (65_535, .optOut)] as [(UInt16, Denial.Proof)]
        {
            let data: [UInt8] =
                [1, 0, UInt8(count >> 8), UInt8(count & 0xFF), 0, 20] + [UInt8](repeating: 9, count: 20)
            let owner = DNSName("00000000000000000000000000000000.z.test")
            let record = try #require(DenialRecord(owner: owner, type: .nsec3, data: data))
            #expect(Self.denial([record]).absence(of: DNSName("a.z.test")) == proof, "\(count)")
        }
    }
}
