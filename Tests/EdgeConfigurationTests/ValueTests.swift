// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("Values of a configuration")
struct ValueTests {
    @Test(
        "Times have a whole number and a unit",
        arguments: [
            ("0", Duration.zero), ("0s", .zero), ("1ms", .milliseconds(1)), ("1500ms", .milliseconds(1500)),
            ("5s", .seconds(5)), ("2m", .seconds(120)), ("1h", .seconds(3600)), ("\"30s\"", .seconds(30)),
        ]
    )
    func times(text: String, expected: Duration) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(edge: "drain_timeout: \(text)"))
        #expect(outcome.configuration?.edge.drainTimeout == expected, "\(outcome.problems)")
    }

    @Test(
        "What is no time, or out of its range, is refused",
        arguments: [
            "5", "s", "-1s", "+1s", "1.5s", "1 s", "5S", "1w", "1s500ms", "0x5s", "61m", "2d", "9999999999s", "[5s]",
        ]
    )
    func badTimes(text: String) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(edge: "drain_timeout: \(text)"))
        #expect(outcome.problems.map(\.line) == [1] && outcome.configuration == nil)
        #expect(outcome.problems.first?.message.hasPrefix("edge.drain_timeout must be") == true)
    }

    @Test("A day is a unit too, and the bounds of a range belong to it")
    func days() {
        let text = MinimalText.with(sections: "resolver: { maximum_ttl: 7d, stale: 0, timeout: 50ms }")
        let resolver = ConfigurationOutcome.of(text).configuration?.resolver
        #expect(resolver?.maximumTTL == .seconds(604_800))
        #expect(resolver?.stale == .zero)
        #expect(resolver?.timeout == .milliseconds(50))
    }

    @Test(
        "Sizes are bytes, KiB or MiB",
        arguments: [("2048", 2048), ("64KiB", 65_536), ("1MiB", 1_048_576), ("16MiB", 16_777_216)]
    )
    func sizes(text: String, expected: Int) {
        let sections = "limits: { message_size: \(text), header_size: 2048 }"
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: sections))
        #expect(outcome.configuration?.limits.messageSize == expected, "\(outcome.problems)")
    }

    @Test(
        "What is no size, or out of its range, is refused",
        arguments: [
            "2047", "17MiB", "64KB", "64 KiB", "64kib", "-1", "+4096", "1e4", "1GiB", "9999999999999999999", "all",
        ]
    )
    func badSizes(text: String) {
        let sections = "limits: { header_size: 2048, message_size: \(text) }"
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: sections))
        #expect(
            outcome.lines == ["12:44: limits.message_size must be a size from 2048 to 16777216 bytes, such as 256KiB"]
        )
    }

    @Test(
        "Address ranges have a prefix length, and a lone address is a range of one",
        arguments: [
            ("192.0.2.0/24", "192.0.2.0", 24), ("192.0.2.7", "192.0.2.7", 32), ("0.0.0.0/0", "0.0.0.0", 0),
            ("2001:db8::/32", "2001:db8::", 32), ("::1", "::1", 128), ("::/0", "::", 0),
        ] as [(String, String, UInt8)]
    )
    func networks(text: String, address: String, length: UInt8) throws {
        let outcome = ConfigurationOutcome.of(MinimalText.with(condition: "sources: [\"\(text)\"]"))
        let network = try #require(outcome.configuration?.routes.first?.sources.first, "\(outcome.problems)")
        #expect(network.address == IPAddress(parsing: address) && network.prefixLength == length)
    }

    @Test(
        "What is no address range is refused",
        arguments: [
            "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/", "/24", "192.0.2/24", "::/129", "a/8",
            "1.2.3.4/8/8",
        ]
    )
    func badNetworks(text: String) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(condition: "sources: [\"\(text)\"]"))
        #expect(
            outcome.lines == ["10:38: '\(text)' is no address range; write it as 192.0.2.0/24 or 2001:db8::/32"]
        )
    }

    @Test(
        "Name servers have port 53 unless they say another",
        arguments: [
            ("192.0.2.53", "192.0.2.53", 53), ("192.0.2.53:5353", "192.0.2.53", 5353),
            ("2001:db8::53", "2001:db8::53", 53),
            ("[2001:db8::53]:5353", "2001:db8::53", 5353),
        ] as [(String, String, UInt16)]
    )
    func nameServers(text: String, address: String, port: UInt16) throws {
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: "resolver: { servers: \"\(text)\" }"))
        let server = try #require(outcome.configuration?.resolver.servers.first, "\(outcome.problems)")
        #expect(server.address == IPAddress(parsing: address) && server.port == port)
    }

    @Test(
        "Servers of DNS over TLS have port 853 and are verified by the name after #, or by their address",
        arguments: [
            ("tls://192.0.2.53", "192.0.2.53", 853, nil),
            ("tls://192.0.2.53:8853#dns.example.test", "192.0.2.53", 8853, "dns.example.test"),
            ("tls://[2001:db8::53]#dns.example.test", "2001:db8::53", 853, "dns.example.test"),
            ("tls://2001:db8::53", "2001:db8::53", 853, nil),
        ] as [(String, String, UInt16, String?)]
    )
    func secureNameServers(text: String, address: String, port: UInt16, name: String?) throws {
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: "resolver: { servers: \"\(text)\" }"))
        let server = try #require(outcome.configuration?.resolver.servers.first, "\(outcome.problems)")
        #expect(server.address == IPAddress(parsing: address) && server.port == port)
        #expect(server.transport == .tls && server.name == name)
    }

    @Test(
        "What is no name server is refused",
        arguments: ["tls://", "tls://192.0.2.53#", "tls://192.0.2.53:0", "tls://192.0.2.53#a b", "192.0.2.53#name"]
    )
    func badNameServers(text: String) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: "resolver: { servers: \"\(text)\" }"))
        #expect(outcome.lines.count == 1 && outcome.lines[0].contains("is no address of a name server"))
    }

    @Test("What the resolver's files and words are read to; the AD bit of a server that is far away is warned of")
    func resolverValues() {
        let section = "{ dnssec: trust-ad, trust_anchor: a.zone, overrides: /o.zone, case_randomization: true }"
        let resolver = ConfigurationOutcome.of(MinimalText.with(sections: "resolver: \(section)")).configuration?
            .resolver
        #expect(resolver?.dnssec == .trustAD && resolver?.mixesCase == true)
        #expect(resolver?.trustAnchor == "/etc/brana/a.zone" && resolver?.overrides == "/o.zone")
        func problems(_ servers: String) -> [String] {
            let text = MinimalText.with(sections: "resolver: { servers: \"\(servers)\", dnssec: trust-ad }")
            return ConfigurationOutcome.of(text).problems.map(\.message)
        }
        #expect(problems("192.0.2.53").count == 1)
        #expect(problems("127.0.0.1").isEmpty && problems("tls://192.0.2.53").isEmpty)
    }

    @Test(
        "`dane` needs DNSSEC and SRV records: without, `require` is refused and `opportunistic` warned of",
        arguments: [
            ("sips:a.test", "trust-ad", true), ("_sips._tcp.a.test", "trust-ad", true),
            ("sips:a.test;transport=tcp", "trust-ad", true), ("sips:a.test", "off", false),
            ("sips:a.test:5061", "trust-ad", false), ("sips:192.0.2.1", "trust-ad", false),
        ] as [(String, String, Bool)]
    )
    func dane(target: String, dnssec: String, isUseful: Bool) {
        for mode in ResolutionPolicy.DANE.allCases {
            let text = MinimalText.with(
                pool: "dane: \(mode.rawValue)",
                sections: "resolver: { servers: \"127.0.0.1\", dnssec: \(dnssec) }"
            )
            let outcome = ConfigurationOutcome.of(text.replacing("sip:voice.example.test", with: target))
            let isRefused = mode == .require && !isUseful
            #expect((outcome.configuration == nil) == isRefused, "\(mode) \(outcome.problems)")
            #expect(outcome.problems.isEmpty == (mode == .off || isUseful), "\(mode) \(outcome.problems)")
            if !isRefused { #expect(outcome.configuration?.pools.first?.dane == mode) }
        }
    }

    @Test(
        "What a listener tells of itself: the advertised host and port, or its own address, or the edge's name",
        arguments: [
            ("address: \"192.0.2.1:5060\"", "192.0.2.1", 5060),
            ("address: \"0.0.0.0:5060\"", "edge1.example.test", 5060),
            ("address: \"[2001:db8::1]:5060\"", "[2001:db8::1]", 5060),
            ("address: \"0.0.0.0:5060\", advertise: \"sip.example.test:5080\"", "sip.example.test", 5080),
            ("address: \"0.0.0.0:5060\", advertise: sip.example.test", "sip.example.test", nil),
            ("address: \"0.0.0.0:5060\", advertise: \"198.51.100.1\"", "198.51.100.1", 5060),
            ("address: \"0.0.0.0:5060\", advertise: \"[2001:db8::1]:5080\"", "[2001:db8::1]", 5080),
        ] as [(String, String, UInt16?)]
    )
    func advertised(text: String, host: String, port: UInt16?) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(listeners: "name: plain, transport: tcp, \(text)"))
        let listener = outcome.configuration?.listeners.last
        #expect(listener?.advertisedHost == host && listener?.advertisedPort == port, "\(outcome.lines)")
    }

    @Test("Domains are compared as DNS does: in lower case, without a final dot")
    func domains() {
        let text = MinimalText.with(
            edge: "domains: Example.TEST.",
            condition: "domains: [Voice.Example.Test., 192.0.2.1]"
        )
        let configuration = ConfigurationOutcome.of(text).configuration
        #expect(configuration?.edge.domains == ["example.test"])
        #expect(configuration?.routes.first?.domains == ["voice.example.test", "192.0.2.1"])
    }

    @Test(
        "MSG-58: a Server for the edge's own responses is one line of text, which forges no other",
        arguments: [
            ("gate 1", true), ("a\\r\\nX: y", false), ("gäte", false), (String(repeating: "x", count: 101), false),
        ]
    )
    func serverHeader(text: String, isTaken: Bool) {
        let outcome = ConfigurationOutcome.of(MinimalText.with(edge: "server_header: \"\(text)\""))
        #expect(outcome.errors.isEmpty == isTaken)
        #expect(!isTaken || outcome.configuration?.edge.serverHeader == text)
    }

    @Test(
        "Relative file names start from the folder of the configuration, absolute ones stay, and their places are kept"
    )
    func files() {
        let text = MinimalText.with(edge: "token_key_file: /run/token", sections: "admin: { socket: admin.sock }")
        let outcome = ConfigurationOutcome.of(text)
        #expect(outcome.configuration?.tls["public"]?.certificate == "/etc/brana/certs/edge.pem")
        #expect(outcome.configuration?.edge.tokenKeyFiles == ["/run/token"])
        #expect(outcome.configuration?.admin.socket == "/etc/brana/admin.sock")
        let places = ["tls.public.certificate", "pools.voice.target"].map { outcome.positions[$0] }
        #expect(places.map { $0?.line } == [6, 8] && places.map { $0?.column } == [26, 20])
    }

    @Test(
        "A rejection has the phrase of its status unless it names another",
        arguments: [
            ("", 403, "Forbidden"), ("status: 503", 503, "Service Unavailable"), ("status: 404", 404, "Not Found"),
            ("status: 699", 699, "Rejected"), ("status: 404, reason: Gone Fishing", 404, "Gone Fishing"),
        ] as [(String, UInt16, String)]
    )
    func rejections(text: String, status: UInt16, reason: String) {
        let whole = MinimalText.with().replacing("- { pool: voice }", with: "- { reject: { \(text) } }")
        let outcome = ConfigurationOutcome.of(whole)
        #expect(
            outcome.configuration?.routes.last?.action == .reject(status: status, reason: reason),
            "\(outcome.lines)"
        )
    }
}
