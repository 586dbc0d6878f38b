// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import Synchronization
import TestSupport
import Testing

@Suite("DNSSEC by our own checks, of zones that ldns signs and nsd serves", .serialized)
struct ValidationTests {
    static let hosts = """
        host IN A 192.0.2.1
        *.wild IN A 192.0.2.5
        real.wild IN A 192.0.2.7
        www IN CNAME host
        gone IN CNAME absent
        a.empty IN A 192.0.2.6
        _sip._tcp IN SRV 10 0 5060 host

        """

    /// A question, what it comes to, and what that is worth.
    typealias Expected = (name: String, type: DNSRecordType, outcome: String, security: DNSAnswer.Security)

    static func outcome(_ answer: DNSAnswer) -> String {
        switch answer.outcome {
        case .records(let records): "\(records.count)"
        case .noData: "nodata"
        case .nameError: "nxdomain"
        case .failure(let kind): kind.rawValue
        }
    }

    /// What every zone of `hosts` answers, whatever denies its names.
    static func cases(_ origin: String, _ security: DNSAnswer.Security) -> [Expected] {
        [
            ("host.\(origin)", .a, "1", security), ("host.\(origin)", .aaaa, "nodata", security),
            ("_sip._tcp.\(origin)", .srv, "1", security), ("absent.\(origin)", .a, "nxdomain", security),
            ("_sip._udp.absent.\(origin)", .srv, "nxdomain", security), ("x.wild.\(origin)", .a, "1", security),
            ("x.y.wild.\(origin)", .a, "1", security), ("x.wild.\(origin)", .srv, "nodata", security),
            ("www.\(origin)", .a, "1", security), ("gone.\(origin)", .a, "nxdomain", security),
            ("empty.\(origin)", .a, "nodata", security), (origin, .naptr, "nodata", security),
        ]
    }

    static func check(_ client: DNSClient, _ expected: [Expected]) async throws {
        for (name, type, outcome, security) in expected {
            let answer = try await client.ask(DNSQuestion(DNSName(name), type)).get()
            #expect(Self.outcome(answer) == outcome, "\(type) \(name): \(answer.reason ?? "")")
            #expect(answer.security == security, "\(type) \(name)")
        }
    }

    /// A signed zone with every kind of child: signed with NSEC3, unsigned, out of date, tampered with.
    static func family(_ bench: SigningBench) async throws -> (zones: [(String, String)], anchor: String) {
        var nsec3 = SigningBench.Signing()
        nsec3.usesNSEC3 = true
        var optOut = nsec3
        optOut.isOptOut = true
        var costly = nsec3
        costly.iterations = 151
        var old = SigningBench.Signing()
        old.times = ("20200101", "20200201")
        var rsa = SigningBench.Signing()
        rsa.algorithm = "RSASHA256"
        let child = try await bench.sign("child.signed.test", hosts, nsec3)
        let open = try await bench.sign("open.signed.test", hosts + "sub IN NS ns.sub\nns.sub IN A 127.0.0.1\n", optOut)
        let long = try await bench.sign("long.signed.test", hosts, costly)
        let expired = try await bench.sign("old.signed.test", hosts, old)
        let good = try await bench.sign("bad.signed.test", hosts, rsa)
        let bad = try bench.tampered(good, "192.0.2.1", "192.0.2.3")
        let plain = try bench.plain("plain.signed.test", hosts)
        let inner = try bench.plain("sub.open.signed.test", hosts)
        let children = [child, open, long, expired, bad]
        let cuts = ["child", "open", "long", "old", "bad", "plain"].map {
            "\($0) IN NS ns.\($0)\nns.\($0) IN A 127.0.0.1\n"
        }
        let parent = try await bench.sign(
            "signed.test",
            hosts + cuts.joined() + children.map { $0.anchor }.joined()
                + "out IN CNAME host.plain\nin IN CNAME host.child\n"
        )
        let zones =
            (children + [parent]).map { ($0.origin, $0.file) }
            + [("plain.signed.test", plain), ("sub.open.signed.test", inner)]
        return (zones, parent.anchor)
    }

    @Test("LOC-57: what a zone signed is secure, with NSEC and NSEC3, wildcards and aliases; what it did not is bogus")
    func family() async throws {
        let bench = try SigningBench()
        let (zones, anchor) = try await Self.family(bench)
        let nsd = try await NameServer.nsd(zones)
        let client = try await SigningBench.client(nsd.port, anchor)
        try await Self.check(client, Self.cases("signed.test", .secure))
        try await Self.check(client, Self.cases("child.signed.test", .secure))
        try await Self.check(client, Self.cases("plain.signed.test", .insecure))
        try await Self.check(client, Self.cases("sub.open.signed.test", .insecure))
        try await Self.check(
            client,
            [
                ("host.open.signed.test", .a, "1", .secure), ("absent.open.signed.test", .a, "nxdomain", .insecure),
                ("host.long.signed.test", .a, "1", .insecure), ("absent.long.signed.test", .a, "nxdomain", .insecure),
                ("out.signed.test", .a, "1", .insecure), ("in.signed.test", .a, "1", .secure),
                ("host.bad.signed.test", .a, "bogus", .bogus), ("www.bad.signed.test", .a, "bogus", .bogus),
                ("host.bad.signed.test", .aaaa, "nodata", .secure),
                ("host.old.signed.test", .a, "bogus", .bogus), ("absent.old.signed.test", .a, "bogus", .bogus),
            ]
        )
        #expect(try await client.statistics().get().queries["bogus"] == 4, "counted apart")
        await nsd.stop()
    }

    @Test("The root's key is an anchor like any other: the chain leads down over names that are no zones")
    func root() async throws {
        let bench = try SigningBench()
        let inner = try await bench.sign("deep.zone.test", Self.hosts)
        let cuts = "deep.zone.test NS ns.deep.zone.test\nns.deep.zone.test A 127.0.0.1\nplain.test NS ns.plain.test\n"
        let root = try await bench.sign(".", cuts + "ns.plain.test A 127.0.0.1\nhost.test A 192.0.2.1\n" + inner.anchor)
        let plain = try bench.plain("plain.test", Self.hosts)
        let nsd = try await NameServer.nsd([(inner.origin, inner.file), ("plain.test", plain), (".", root.file)])
        let client = try await SigningBench.client(nsd.port, root.anchor)
        try await Self.check(client, Self.cases("deep.zone.test", .secure))
        try await Self.check(client, Self.cases("plain.test", .insecure))
        try await Self.check(
            client,
            [
                ("host.test", .a, "1", .secure), ("host.test", .srv, "nodata", .secure),
                ("absent.example", .a, "nxdomain", .secure), ("zone.test", .a, "nodata", .secure),
            ]
        )
        await nsd.stop()
    }

    @Test("LOC-57: time is an argument: what was valid in January 2020 is valid then, and not a month later")
    func time() async throws {
        let bench = try SigningBench()
        let (zones, anchor) = try await Self.family(bench)
        let nsd = try await NameServer.nsd(zones)
        let question = DNSQuestion(DNSName("host.signed.test"), .a)
        let now = DNSClient.Settings(servers: []).validationTime()
        for (offset, isGood) in [(0, true), (40 * 86_400, false), (-86_400, false)] as [(Int64, Bool)] {
            let client = try await SigningBench.client(nsd.port, anchor) { $0.validationTime = { now + offset } }
            let answer = try await client.ask(question).get()
            #expect(answer.security == (isGood ? .secure : .bogus), "\(offset)")
            #expect(answer.isFailure != isGood)
        }
        await nsd.stop()
    }

    @Test("LOC-58: an answer is used no longer than its signature lives (RFC 4035 section 5.3.3)")
    func signatureEnds() async throws {
        let bench = try SigningBench()
        var signing = SigningBench.Signing()
        signing.times = ("20200101000000", "20200201000000")
        let signed = try await bench.sign("ends.test", "host IN A 192.0.2.1\n", signing)
        let zone = try ZoneFile.zone(of: signed.file)
        let server = try await FakeDNS.start(on: ClientBench.loop) { [.answer($0.signedReply(zone))] }
        for (left, seconds) in [(10, 10), (3600, 60)] as [(Int64, Int64)] {
            let client = try await SigningBench.client(server.port, signed.anchor) {
                // The first of February 2020.
                $0.validationTime = { 1_580_515_200 - left }
            }
            let answer = try await client.ask(DNSQuestion(DNSName("host.ends.test"), .a)).get()
            #expect(answer.security == .secure)
            #expect(answer.timeToLive == .seconds(seconds))
        }
        await server.stop()
    }

    @Test("What was believed without a check is asked for again when a reload wants checks, and the other way round")
    func reloaded() async throws {
        let bench = try SigningBench()
        let signed = try await bench.sign("r.test", "host IN A 192.0.2.1\n")
        let zone = try ZoneFile.zone(of: signed.file)
        let server = try await FakeDNS.start(on: ClientBench.loop) { [.answer($0.signedReply(zone))] }
        let client = try await ClientBench.client([server.port])
        let question = DNSQuestion(DNSName("host.r.test"), .a)
        #expect(try await client.ask(question).get().security == .unchecked)
        var settings = DNSClient.Settings(servers: [DNSServer(.v4(0x7F00_0001), port: server.port)])
        settings.dnssec = .validate
        settings.anchors = try SigningBench.anchors(signed.anchor)
        settings.timeout = .seconds(10)
        try await client.use(settings).get()
        #expect(try await client.ask(question).get().security == .secure)
        #expect(
            server.queries == ["udp A host.r.test", "udp A host.r.test", "udp DNSKEY r.test", "udp DS host.r.test"]
        )
        await server.stop()
    }

    @Test("An answer that was asked for before a reload is judged by what holds after it: it is asked for anew")
    func reloadedMeanwhile() async throws {
        let bench = try SigningBench()
        let signed = try await bench.sign("r.test", "host IN A 192.0.2.1\n")
        let zone = try ZoneFile.zone(of: signed.file)
        let change = Mutex<(@Sendable () -> Void)?>(nil)
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            guard query.index == 0 else { return [.answer(query.signedReply(zone))] }
            // The settings change while the first answer, without signatures, is on its way.
            change.withLock { $0?() }
            return [.answer(query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port])
        var settings = DNSClient.Settings(servers: [DNSServer(.v4(0x7F00_0001), port: server.port)])
        settings.dnssec = .validate
        settings.anchors = try SigningBench.anchors(signed.anchor)
        settings.timeout = .seconds(10)
        change.withLock { [settings] in $0 = { _ = client.use(settings) } }
        let answer = try await client.ask(DNSQuestion(DNSName("host.r.test"), .a)).get()
        #expect(answer.security == .secure, "\(answer.reason ?? "")")
        await server.stop()
    }

    @Test("LOC-57, LOC-61: an expired good answer stands in for a bogus one")
    func stale() async throws {
        let bench = try SigningBench()
        let zone = try await bench.sign("short.test", "host 1 IN A 192.0.2.1\n")
        let good = try ZoneFile.zone(of: zone.file)
        let tampered = try bench.tampered(zone, "192.0.2.1", "192.0.2.66")
        let bad = try ZoneFile.zone(of: tampered.file)
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            [.answer(query.signedReply(query.index < 2 ? good : bad))]
        }
        let client = try await SigningBench.client(server.port, zone.anchor)
        let question = DNSQuestion(DNSName("host.short.test"), .a)
        #expect(try await client.ask(question).get().security == .secure)
        let stands = try await Waiting.until(within: .seconds(10)) {
            let answer = try await client.ask(question, awaitingRenewal: true).get()
            #expect(answer.records.map(\.data) == [.address(.v4(0xC000_0201))])
            return answer.isStale
        }
        #expect(stands)
        #expect(try await client.statistics().get().queries["bogus"] ?? 0 > 0)
        await server.stop()
    }

    @Test("LOC-68: names below a DNAME record are bogus where they are checked, and aliases where they are not")
    func subtreeAlias() async throws {
        let bench = try SigningBench()
        let signed = try await bench.sign("d.test", "host.new IN A 192.0.2.1\nold IN DNAME new\n")
        let nsd = try await NameServer.nsd([(signed.origin, signed.file)])
        let question = DNSQuestion(DNSName("host.old.d.test"), .a)
        let checking = try await SigningBench.client(nsd.port, signed.anchor)
        #expect(try await checking.ask(question).get().outcome == .failure(.bogus))
        #expect(try await checking.ask(DNSQuestion(DNSName("host.new.d.test"), .a)).get().security == .secure)
        let believing = try await ClientBench.client([nsd.port], timeout: .seconds(10))
        #expect(try await believing.ask(question).get().records.map(\.data) == [.address(.v4(0xC000_0201))])
        await nsd.stop()
    }

    @Test("With trust-ad, the resolver's word decides: secure with AD, insecure without, and no answer for bogus")
    func trustAD() async throws {
        let bench = try SigningBench()
        let (zones, anchor) = try await Self.family(bench)
        let nsd = try await NameServer.nsd(zones)
        let file = try bench.directory.write(anchor, to: "anchor")
        let children = ["child", "bad", "plain"].map { "\($0).signed.test" }
        let unbound = try await NameServer.unbound("signed.test", behind: nsd.port, children: children, anchor: file)
        let client = try await ClientBench.client([unbound.port], timeout: .seconds(10)) { $0.dnssec = .trustAD }
        try await Self.check(
            client,
            [
                ("host.signed.test", .a, "1", .secure), ("absent.signed.test", .a, "nxdomain", .secure),
                ("host.plain.signed.test", .a, "1", .insecure), ("host.bad.signed.test", .a, "servfail", .unchecked),
            ]
        )
        // Our own checks behind it come to the same, though it would hold back what is bogus.
        let own = try await SigningBench.client(unbound.port, anchor)
        try await Self.check(own, Self.cases("child.signed.test", .secure))
        try await Self.check(own, [("host.bad.signed.test", .a, "bogus", .bogus)])
        await unbound.stop()
        await nsd.stop()
    }
}
