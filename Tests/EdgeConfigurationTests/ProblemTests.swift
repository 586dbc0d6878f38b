// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Testing

@Suite("Problems of a configuration")
struct ProblemTests {
    @Test("All problems come at once, sorted by place, whichever section they are in")
    func allAtOnce() {
        let text = """
            logging: { levle: info }
            routes:
              - { pool: voise }
            pools:
              voice: { target: "sip:voice.example.test", tries: 99, via: iner }
            tls:
              public: { certificate: a.pem, key: a.key, verify: perhaps }
            listeners:
              - { name: public, address: "0.0.0.0:5061", tls: pubic }
              - { name: inner, address: "nowhere:5060", transport: tcp }
            edge: { workers: -1 }
            """
        #expect(
            ConfigurationOutcome.of(text).lines == [
                "1:12: unknown key 'levle' in logging; did you mean 'level'?",
                "3:13: there is no pool 'voise'; did you mean 'voice'?",
                "5:53: pools.voice.tries must be a whole number from 1 to 10",
                "5:62: there is no listener 'iner'; did you mean 'inner'?",
                "7:53: tls.public.verify must be true or false",
                "9:51: there is no TLS profile 'pubic'; did you mean 'public'?",
                "10:29: 'nowhere:5060' is no listener address; write it as 192.0.2.1:5061 or [2001:db8::1]:5061",
                "11:18: edge.workers must be a whole number from 0 to 64",
            ]
        )
    }

    @Test("A problem reads as editors jump: file, line, column, message")
    func description() {
        let outcome = ConfigurationOutcome.of(MinimalText.with(edge: "wokers: 2"))
        #expect(
            outcome.problems.map(\.description) == [
                "test.yaml:1:35: unknown key 'wokers' in edge; did you mean 'workers'?"
            ]
        )
        let doubtful = ConfigurationOutcome.of(MinimalText.with(profile: "minimum_version: \"1.1\""))
        #expect(
            doubtful.problems.map(\.description)
                == ["test.yaml:6:80: warning: TLS 1.1 is broken (RFC 8996); use 1.2 or 1.3"]
        )
        #expect(doubtful.configuration?.tls["public"]?.minimumVersion == "1.1")
    }

    @Test("A pool over TCP or TLS whose backends have no listener for requests of their own is warned of, and read")
    func returns() {
        let tcp = ConfigurationOutcome.of(MinimalText.with(pool: "transports: [tcp]"))
        #expect(
            tcp.problems.map(\.description) == [
                "test.yaml:8:20: warning: pools.voice: backends are reached over tcp, and requests that they send inside "
                    + "dialogs find no listener for it; add one that they can reach, such as { name: inner, address: "
                    + "\"192.0.2.10:5060\", transport: tcp, role: inner }"
            ]
        )
        #expect(tcp.configuration != nil)
        let inner = "name: inner, address: \"192.0.2.10:5060\", transport: tcp"
        for sound in [
            MinimalText.with(pool: ""), MinimalText.with(pool: "transports: [tls]"),
            MinimalText.with(pool: "transports: [tls, tcp]"),
            MinimalText.with(listeners: inner, pool: "transports: [tcp]"),
            MinimalText.with(pool: "transports: [tcp], via: public"),
        ] {
            #expect(ConfigurationOutcome.of(sound).problems == [])
        }
    }

    @Test("Where its severity is told already, a problem goes without it")
    func placedMessage() {
        let doubtful = ConfigurationOutcome.of(MinimalText.with(profile: "minimum_version: \"1.1\""))
        let words = "TLS 1.1 is broken (RFC 8996); use 1.2 or 1.3"
        #expect(doubtful.problems.map(\.placedMessage) == ["test.yaml:6:80: \(words)"])
    }

    @Test("A balance that affinity leaves nothing to decide is warned of, and read")
    func balanceBesideAffinity() {
        let both = ConfigurationOutcome.of(MinimalText.with(pool: "affinity: to, balance: latency"))
        #expect(
            both.problems.map(\.description) == [
                "test.yaml:8:69: warning: pools.voice.balance changes nothing: affinity to decides"
            ]
        )
        #expect(both.configuration?.pools.map(\.balance) == [.latency])
        for pool in ["affinity: to, balance: srv", "balance: least-outstanding"] {
            #expect(ConfigurationOutcome.of(MinimalText.with(pool: pool)).problems == [])
        }
    }

    @Test(
        "A key of each section that is one letter off is refused, and the right one named",
        arguments: ConfigurationSection.allCases.flatMap { section in section.keys.map { (section, $0) } }
    )
    func suggestions(section: ConfigurationSection, key: String) throws {
        let full = try ExampleFile(Repository.text("config/full.yaml"))
        let place = try #require(full.keys.first { $0.section == section && $0.name == key })
        var lines = full.lines
        let start = lines[place.line].prefix(place.indentation)
        lines[place.line] = "\(start)\(key)x\(lines[place.line].dropFirst(place.indentation + key.count))"
        let problems = ConfigurationOutcome.of(lines.joined(separator: "\n")).errors
        let message = problems.first { $0.line == place.line + 1 && $0.column == place.indentation + 1 }?.message
        #expect(message?.hasPrefix("unknown key '\(key)x'") == true)
        #expect(message?.hasSuffix("; did you mean '\(key)'?") == true)
    }

    @Test("TRN-23: UDP without TCP at its address is refused, or warned of where it is wanted")
    func datagramsAlone() {
        let alone = MinimalText.with(listeners: "name: inner, address: \"192.0.2.1:5060\", transport: udp")
        #expect(ConfigurationOutcome.of(alone).errors.map(\.line) == [4])
        #expect(ConfigurationOutcome.of(alone).errors.allSatisfy { $0.message.contains("needs a TCP listener") })
        let wanted = alone.replacing("transport: udp", with: "transport: udp, udp_only: true")
        let outcome = ConfigurationOutcome.of(wanted)
        #expect(outcome.configuration?.listeners.last?.udpOnly == true)
        #expect(outcome.problems.map(\.severity) == [.warning] && outcome.problems.first?.line == 4)
    }

    @Test(
        "TRN-23: a TCP listener at the same port and address, or at every address of its family, is company enough",
        arguments: [
            ("192.0.2.1:5060", true), ("0.0.0.0:5060", true), ("192.0.2.2:5060", false), ("192.0.2.1:5070", false),
            ("[::]:5060", false),
        ]
    )
    func company(address: String, isEnough: Bool) {
        let listeners = """
            name: udp, address: "192.0.2.1:5060", transport: udp }
              - { name: tcp, address: "\(address)", transport: tcp
            """
        let outcome = ConfigurationOutcome.of(MinimalText.with(listeners: listeners))
        #expect((outcome.configuration != nil) == isEnough)
        #expect(outcome.problems.isEmpty == isEnough, "\(outcome.problems)")
    }

    @Test("PRX-35: a TLS listener that tells peers an address is warned of, one that tells a name is not")
    func addressIdentity() {
        let listener = "name: trunk, address: \"192.0.2.1:5081\", tls: public"
        let outcome = ConfigurationOutcome.of(MinimalText.with(listeners: listener))
        #expect(outcome.configuration != nil)
        #expect(outcome.problems.map(\.severity) == [.warning] && outcome.problems.first?.line == 4)
        let named = ConfigurationOutcome.of(MinimalText.with(listeners: "\(listener), advertise: sip.example.test"))
        #expect(named.problems.isEmpty && named.configuration != nil)
    }

    @Test("Requests that no route takes, and routes that no request comes to, are warned of")
    func routes() {
        let open = MinimalText.with().replacing("  - { pool: voice }\n", with: "")
        #expect(
            ConfigurationOutcome.of(open).lines == [
                "10:5: warning: requests that no route takes are answered 404; a last route without 'when' takes them"
            ]
        )
        #expect(
            ConfigurationOutcome.of(MinimalText.with(condition: "methods: []")).lines
                == ["11:5: warning: no request comes to this route: one before it has no 'when' and takes all"]
        )
    }

    @Test("A method in lower case is warned of, and its route stays")
    func methods() {
        let outcome = ConfigurationOutcome.of(MinimalText.with(condition: "methods: [invite]"))
        #expect(outcome.problems.map(\.severity) == [.warning])
        #expect(outcome.configuration?.routes.map(\.methods) == [["invite"], []])
    }

    @Test(
        "An ampersand or asterisk inside a text is no anchor and no alias",
        arguments: [
            "\"{method} *{status} &{to}\"", "'it''s *a &b'", "{method} *a &b", "a:*b", "x - *b",
            "|\n    *{method}\n    &{status}",
            ">-\n    \"{method}\n    *x", "\"a \\\" *b\"",
        ]
    )
    func harmless(text: String) {
        let quoted = text.hasPrefix("{") ? "a \(text)" : text
        let sections = "logging:\n  level: info # *a &b\n  request_line: \(quoted)"
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: sections))
        #expect(!outcome.problems.contains { $0.message.contains("anchors") }, "\(outcome.problems)")
    }

    @Test(
        "An anchor or alias is found wherever a value may begin",
        arguments: [
            ("x: *a", 4), ("x: &a 1", 4), ("- *a", 3), ("[*a]", 2), ("[1,*a]", 4), ("{x: *a}", 5), ("? *a", 3),
            ("*a : 1", 1),
            ("x:\t*a", 4), ("\"x\": *a", 6), ("{\"x\":*a}", 6), ("--- &a", 5), ("x: !tag *a", 9), ("- - &a 1", 5),
            ("x: |\n  text\ny: *a", 4), ("x: 'it''s'\ny: *a", 4), ("é: *a", 4), ("- x: |\n   text\n  y: *a", 6),
        ]
    )
    func anchors(text: String, column: Int) {
        let outcome = ConfigurationOutcome.of(text)
        #expect(outcome.problems.count == 1 && outcome.problems.first?.message.contains("anchors") == true)
        #expect(outcome.problems.first?.column == column)
        #expect(outcome.problems.first?.line == text.split(separator: "\n").count)
    }
}
