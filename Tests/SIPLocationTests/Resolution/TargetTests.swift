// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("Targets as they are written")
struct TargetTests {
    @Test(
        "LOC-11, LOC-12, LOC-70: what must not be asked is refused in words before any question",
        arguments: [
            "sips:core.example.net;transport=udp", "sip:core.example.net;transport=quic", "sip:x.example;transport=ws",
            "sip:localhost-alias", "sip:x.invalid", "sip:x.local", "sip:1.2.3", "sip:x.localhost", "sip:a.onion", "",
            "sip:",
            "sip:[2001:db8::9", "sip:[2001:db8::9]x", "sip:a.example:0", "sip:a.example:65536", "sip:a.example:",
            "sip:a.example:+5060", "sip:a..example", "_sip._tcp.", "_sip._tcp", "_foo._tcp.example.net",
            "sips:_sip._tcp.example.net", "sips:_sip._udp.example.net", "_sips._tcp.example.net;transport=udp",
            "_sip._udp.example.net;transport=tcp", "_sip._tcp.example.net:5070", "sip:a b.example",
            "sip:\(String(repeating: "a", count: 64)).example",
            "sip:" + Array(repeating: "abcdefgh", count: 32).joined(separator: "."),
        ]
    )
    func refused(text: String) {
        #expect(throws: SIPTarget.Malformed.self) { try SIPTarget(text) }
    }

    @Test("User part, headers, other parameters and the dot at the end do not change the target")
    func decorated() throws {
        let plain = try SIPTarget("sip:core.example.net;transport=tcp")
        for text in [
            "sip:alice@core.example.net;transport=tcp", "sip:alice;x=y?z@core.example.net;lr;transport=TCP",
            "SIP:CORE.Example.Net.;transport=tcp;lr", "sip:core.example.net;transport=tcp?subject=x",
        ] {
            #expect(try SIPTarget(text) == plain, "\(text)")
        }
        #expect(try SIPTarget("sip:core.example.net?subject=x").host == .name(DNSName("core.example.net")))
    }

    @Test("LOC-04: maddr is what is asked for; certificates must still name the host")
    func maddr() throws {
        let dns = ScriptedDNS("b.example A 192.0.2.2\na.example A 192.0.2.1\n")
        let trace = try dns.resolve("sip:x@a.example:5070;maddr=b.example")
        #expect(trace.queries == ["A b.example", "AAAA b.example"])
        #expect(trace.endpoints == ["udp:192.0.2.2:5070"])
        let target = try SIPTarget("sips:a.example;maddr=[2001:db8::1]")
        #expect(dns.resolve(target).endpoints == ["tls:[2001:db8::1]:5061"])
        #expect(target.referenceDomain == "a.example")
    }

    @Test("LOC-39: a name in another script is asked for in its A-label form")
    func international() throws {
        let dns = ScriptedDNS("_sip._tcp.xn--bcher-kva.example SRV 1 1 5060 n.example\nn.example A 192.0.2.1\n")
        let trace = try dns.resolve("sip:BÜCHER.example;transport=tcp")
        #expect(trace.queries.first == "SRV _sip._tcp.xn--bcher-kva.example")
        #expect(trace.endpoints == ["tcp:192.0.2.1:5060"])
    }

    @Test("LOC-22: the domain that certificates must prove is the one that was written, without service labels")
    func reference() throws {
        #expect(try SIPTarget("_sips._tcp.Core.example.net").referenceDomain == "core.example.net")
        #expect(try SIPTarget("sip:192.0.2.1").referenceDomain == "192.0.2.1")
        #expect(try SIPTarget("sips:core.example.net:5071").referenceDomain == "core.example.net")
    }
}
