// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "MSG-42: IPv6 is written as RFC 5952 says",
        arguments: [
            ("2001:0db8:0001:0000:0000:0000:0000:0010", "2001:db8:1::10"), ("0:0:0:0:0:0:0:0", "::"), ("::1", "::1"),
            ("1:0:0:0:0:0:0:0", "1::"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:DB8::ABCD", "2001:db8::abcd"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::ffff:c000:0201", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:0:0:2::", "1:0:0:2::"), ("ff02::", "ff02::"),
        ]
    )
    func canonical(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(parsing: text))
        #expect(address.description == expected)
        #expect(IPAddress(parsing: expected) == address)
        #expect(IPAddress(parsing: "[\(text)]") == address)
        #expect(address.hostText == "[\(expected)]")
    }

    @Test("MSG-40, RFC 5954: IPv4-mapped forms, and the triple colon of the old grammar, which is never written")
    func tripleColon() throws {
        let address = try #require(IPAddress(parsing: "2001:db8:::192.0.2.1"))
        #expect(address == IPAddress(parsing: "2001:db8::192.0.2.1"))
        #expect(address.description == "2001:db8::c000:201")
        #expect(IPAddress(parsing: ":::192.0.2.1") == IPAddress(parsing: "::192.0.2.1"))
        #expect(IPAddress(parsing: ":::1") == nil)
        #expect(IPAddress(parsing: "2001:db8:::1") == nil)
    }

    @Test(
        "What is no address",
        arguments: [
            "", ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3", "12345::",
            "g::", "::1:", ":1::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1", "1.2.3.4.", ".1.2.3.4", "1..2.3", "1.2.3.-4", "0001.2.3.4", "fe80::1%eth0", "[::1", "::1]",
            "[]",
            "::1.2.3.4:5", "::ffff:0x1.2.3.4", " ::1", "1.2.3.4 ",
        ]
    )
    func broken(_ text: String) {
        #expect(IPAddress(parsing: text) == nil)
    }

    @Test("MSG-41: every address is what its own text spells")
    func roundTrips() {
        var generator = DrawGenerator(seed: 5_954)
        for _ in 0..<5_000 {
            // Groups of zero often, so that gaps of all lengths occur.
            var words: [UInt64] = [0, 0]
            for index in 0..<8 where Bool.random(using: &generator) {
                words[index / 4] |= UInt64.random(in: 0...0xFFFF, using: &generator) << UInt64(16 * (index % 4))
            }
            let six = IPAddress.v6(high: words[0], low: words[1])
            #expect(IPAddress(parsing: six.description) == six)
            let four = IPAddress.v4(UInt32(truncatingIfNeeded: words[0]))
            #expect(IPAddress(parsing: four.description) == four)
            #expect(IPAddress(SocketAddress(six, port: 5_060)) == six.unmapped)
            #expect(IPAddress(SocketAddress(four, port: 5_060)) == four)
        }
    }

    @Test("The canonical text is the one that the system writes")
    func system() throws {
        for text in ["2001:db8::1", "1:0:0:2::", "2001:db8:0:1:1:1:1:1", "192.0.2.255", "::", "2001:0:0:1::1"] {
            let address = try #require(IPAddress(parsing: text))
            #expect(SocketAddress(address, port: 5_061).ipAddress == address.description)
            #expect(SocketAddress(address, port: 5_061).port == 5_061)
            #expect(IPAddress(try SocketAddress(ipAddress: text, port: 1)) == address)
        }
        #expect(IPAddress(try SocketAddress(unixDomainSocketPath: "/x")) == nil)
    }

    @Test("TRN-22: a mapped address is the IPv4 address in it, and no other one is")
    func unmapped() {
        #expect(IPAddress(parsing: "::ffff:203.0.113.7")?.unmapped == IPAddress(parsing: "203.0.113.7"))
        for text in ["::203.0.113.7", "::fffe:1.2.3.4", "1::ffff:1.2.3.4", "64:ff9b::1.2.3.4"] {
            #expect(IPAddress(parsing: text)?.unmapped.isIPv6 == true)
        }
    }

    @Test("TRN-32, LOC-72: the kinds of addresses, at the edges of their blocks")
    func kinds() throws {
        func check(_ texts: [String], _ others: [String], _ kind: (IPAddress) -> Bool) throws {
            for text in texts { #expect(kind(try #require(IPAddress(parsing: text))), "\(text)") }
            for text in others { #expect(!kind(try #require(IPAddress(parsing: text))), "\(text)") }
        }
        try check(
            ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"],
            ["128.0.0.0", "126.255.255.255", "::2", "::"]
        ) {
            $0.isLoopback
        }
        try check(["0.0.0.0", "::", "::ffff:0.0.0.0"], ["0.0.0.1", "::1"]) { $0.isUnspecified }
        try check(["224.0.0.0", "239.255.255.255", "ff00::", "ff02::1"], ["223.255.255.255", "240.0.0.0", "feff::"]) {
            $0.isMulticast
        }
        try check(["255.255.255.255", "::ffff:255.255.255.255"], ["255.255.255.254"]) { $0.isBroadcast }
        try check(["255.255.255.255", "0.0.0.0", "224.0.0.1", "::"], ["192.0.2.1", "2001:db8::1", "127.0.0.1"]) {
            $0.isUnsendable
        }
        try check(
            ["169.254.0.0", "169.254.169.254", "fe80::1", "febf::"],
            ["169.253.255.255", "169.255.0.0", "fec0::", "fe7f::"]
        ) {
            $0.isLinkLocal
        }
    }

    @Test("An endpoint is what its own description names")
    func endpoints() throws {
        for text in ["tcp:192.0.2.1:5060", "tls:[2001:db8::1]:5061", "udp:[::ffff:192.0.2.1]:1"] {
            #expect(try #require(Endpoint(parsing: text)).description == text)
        }
        for text in [
            "tcp:192.0.2.1:0", "tcp:192.0.2.1:65536", "tcp:192.0.2.1", "sctp:192.0.2.1:1", "tcp::1", "", ":", "tcp:h:1",
        ] {
            #expect(Endpoint(parsing: text) == nil, "\(text)")
        }
    }
}
