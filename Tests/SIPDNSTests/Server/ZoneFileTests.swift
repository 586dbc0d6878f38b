// SPDX-License-Identifier: Apache-2.0

import Foundation
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@Suite("Zone files")
struct ZoneFileTests {
    static let head = "$ORIGIN z.test.\n@ 60 IN SOA ns hostmaster 1 2 3 4 5\n"

    @Test("Every example zone makes a zone", arguments: Repository.zones)
    func examples(name: String) throws {
        #expect(try ZoneFile.zone(of: Repository.zone(name)).records.count > 5)
    }

    @Test("Each record has the first line that it stands on, behind comments, blank lines and parentheses")
    func lines() throws {
        let text = """
            ; a comment
            $ORIGIN z.test.
            $TTL 60

            @ IN SOA ns hostmaster (
                1 2 3
                4 5 )
            ; another
            a IN A 192.0.2.1

              IN A 192.0.2.2 ; behind
            """
        let records = try ZoneFile.records(in: text, file: "z")
        #expect(records.map(\.line) == [5, 9, 11])
        #expect(records.map(\.name.text) == ["z.test", "a.z.test", "a.z.test"])
        #expect(records.map(\.record.ttl) == [60, 60, 60])
    }

    @Test("All mistakes of a file are told at once, each with its line")
    func mistakes() throws {
        let text = Self.head + "a IN A 192.0.2.300\nb IN A 192.0.2.1\nc IN SRV 1 2 nonsense\n$INCLUDE other\n"
        let problems = try #require(throws: ZoneProblems.self) { try ZoneFile.records(in: text, file: "z.zone") }
        #expect(problems.problems.map(\.line) == [3, 5, 6])
        #expect(problems.description.hasPrefix("z.zone:3: "))
    }

    @Test(
        "A text that is no zone is refused in words",
        arguments: [
            ("", "is empty"), ("a\0b", "zero byte"), ("a.z.test. 60 IN A 192.0.2.1\n", "no SOA"),
            (head + "other.test. 60 IN A 192.0.2.1\n", "not in the zone"),
            (head + "y.z.test. 60 IN SOA ns h 1 2 3 4 5\n", "second SOA"),
        ]
    )
    func refused(text: String, reason: String) throws {
        let problems = try #require(throws: ZoneProblems.self) {
            try Zone(try ZoneFile.records(in: text, file: "z"), file: "z")
        }
        #expect(problems.description.contains(reason))
    }

    @Test("A missing file, and a directory, are errors that name it", arguments: ["/nonexistent/z.zone", "/tmp"])
    func missing(path: String) throws {
        let problems = try #require(throws: ZoneProblems.self) { try ZoneFile.records(of: path) }
        #expect(problems.description.hasPrefix("\(path): "))
    }

    @Test("Two thousand seeded mutations of a zone file are read or refused, never more")
    func mutations() throws {
        let original = try Array(ZoneFileTests.text(of: Repository.zone("naptr")).utf8)
        var generator = SeededGenerator(seed: 0x5EED)
        var refused = 0
        for _ in 0..<2000 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 1...255, using: &generator)
            }
            do throws(ZoneProblems) {
                _ = try ZoneFile.records(in: String(decoding: bytes, as: UTF8.self), file: "m")
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    static func text(of path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test("A word that is no type is told with its line, also at the end of a line, and asked for by nobody")
    func unknownType() throws {
        let text = "$ORIGIN z.test.\n@ 60 IN SOA ns h 1 2 3 4 5\na IN CNAM\n"
        do throws(ZoneProblems) {
            _ = try ZoneFile.records(in: text, file: "z")
            Issue.record("it is a record")
        } catch {
            let problems = error
            #expect(problems.problems.map(\.line) == [3])
        }
        let question = DNSQuestion(DNSName("a.z.test"), DNSRecordType(rawValue: 0))
        #expect(DNSMessageCodec.query(question, id: 1, withEDNS: true) == nil)
    }
}
