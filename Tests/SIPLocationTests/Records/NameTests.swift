// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import SIPLocation

@Suite("Domain names")
struct NameTests {
    @Test(
        "Labels of other scripts get their A-label form (RFC 3492)",
        arguments: [
            ("bücher.example", "xn--bcher-kva.example"), ("BÜCHER.Example", "xn--bcher-kva.example"),
            ("münchen。de", "xn--mnchen-3ya.de"), ("ليهمابتكلموشعربي؟", "xn--egbpdaj6bu4bxfgehfvwxn"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"), ("そのスピードで", "xn--d9juau41awczczp"),
            ("faß.de", "xn--fa-hia.de"),
            ("\u{1F4DE}.example", "xn--3t8h.example"),
        ]
    )
    func punycode(unicode: String, ascii: String) { #expect(DNSName(unicode).text == ascii) }

    @Test("Names compare without case; the dot at the end does not count; escapes have one form (RFC 4343)")
    func forms() {
        #expect(DNSName("_SIPS._TCP.Core.Example.Net.") == DNSName("_sips._tcp.core.example.net"))
        #expect(DNSName("\\065b.example").text == "ab.example")
        #expect(DNSName("a\\.b.example").labels.count == 2)
        #expect(DNSName("a\\.").labels == [Array("a.".utf8)])
        #expect(DNSName("a\\..").labels == [Array("a.".utf8)])
        #expect(DNSName("a\\.") == DNSName(wire: [2, 0x61, 0x2E, 0]))
        #expect(DNSName(".").isRoot)
        #expect(DNSName("").description == ".")
    }

    private static func wire(of labels: [[UInt8]]) -> [UInt8] {
        labels.reduce(into: []) { $0 += [UInt8($1.count)] + $1 } + [0]
    }

    @Test("Ten thousand seeded wire names come back as they were, in lower case")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<10_000 {
            let labels: [[UInt8]] = (0..<Int.random(in: 0..<5, using: &generator)).map { _ in
                (0..<Int.random(in: 1..<20, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
                }
            }
            let wire = Self.wire(of: labels)
            let name = try #require(DNSName(wire: wire))
            let lower: [[UInt8]] = labels.map { label in label.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 } }
            #expect(name.labels == lower)
            #expect(name.wire == Self.wire(of: lower))
            #expect(DNSName(name.text) == name)
        }
    }

    @Test("Wire forms that are none are refused: cut, pointing, too long, with something behind")
    func wire() {
        let bad: [[UInt8]] = [
            [], [1], [1, 0x61], [3, 0x61, 0], [0xC0, 12], [64] + Array(repeating: 0x61, count: 64) + [0], [0, 0],
            Array(repeating: [63] + [UInt8](repeating: 0x61, count: 63), count: 5).flatMap { $0 } + [0],
        ]
        for bytes in bad { #expect(DNSName(wire: bytes) == nil, "\(bytes)") }
    }

    @Test(
        "LOC-70: single labels, special names and numbers are never asked for",
        arguments: [
            "", ".", "host", "x.local", "x.LOCAL.", "x.invalid", "x.onion", "x.localhost", "1.2.3", "a..b", "a b.c",
            "a.\u{7F}",
        ]
    )
    func notAskable(name: String) { #expect(!DNSName(name).isAskable) }

    @Test("A name may have 253 characters and labels of 63, no more")
    func lengths() {
        let label = String(repeating: "a", count: 63)
        #expect(DNSName("\(label).\(label).\(label).\(String(repeating: "b", count: 61))").isAskable)
        #expect(!DNSName("\(label).\(label).\(label).\(String(repeating: "b", count: 62))").isAskable)
        #expect(!DNSName("\(label)a.example").isAskable)
        #expect(DNSName("local.example").isAskable)
    }
}
