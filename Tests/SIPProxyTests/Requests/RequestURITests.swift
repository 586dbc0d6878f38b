// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What becomes of a Request-URI")
struct RequestURITests {
    @Test(
        "PRX-24, PRX-37: a pool changes nothing of the Request-URI and pushes no Route",
        arguments: [
            "sip:bob@example.com", "SIP:%62ob@EXAMPLE.com:5060;foo=1;user=phone", "tel:+1-201-555-0123",
            "sip:bob:pw@example.com;transport=tcp",
        ]
    )
    func untouched(uri: String) {
        let bench = Bench(1)
        bench.receive(Wire.request("INVITE", uri), on: bench.client())
        let sent = bench.sent.to("B1").last?.wire
        #expect(sent?.startLine == "INVITE \(uri) SIP/2.0" && sent?.values("Route") == [])
    }

    @Test("PRX-87: a sip Contact in a SIPS request is not the edge's business")
    func inconsistent() {
        let bench = Bench(1, .tls)
        let contact = "Contact: <sip:alice@192.168.1.20>"
        bench.receive(Wire.request("INVITE", "sips:bob@example.com", extra: [contact]), on: bench.client())
        #expect(bench.sent.to("B1").last?.wire.uri == "sips:bob@example.com")
        #expect(bench.sent.to("B1").last?.wire.value("Contact") == "<sip:alice@192.168.1.20>")
    }

    // MARK: maddr

    @Test(
        "PRX-17: our own maddr, come by the port and transport that it names, is taken out with these, and routes decide",
        arguments: [
            ("sip:bob@example.com;maddr=198.51.100.10", "sip:bob@example.com"),
            ("sip:bob@example.com:5061;foo;maddr=198.51.100.10;bar=1", "sip:bob@example.com;foo;bar=1"),
            ("sip:bob@example.com;maddr=edge1.example.com;transport=tls", "sip:bob@example.com"),
            ("sips:bob@[2001:db8::1]:5061;MADDR=198.51.100.10", "sips:bob@[2001:db8::1]:5061"),
            ("sip:bob@[2001:db8::1]:5061;maddr=198.51.100.10", "sip:bob@[2001:db8::1]"),
        ]
    )
    func ownAddress(uri: String, sent: String) {
        let bench = Bench(1, .tls)
        bench.receive(Wire.request("INVITE", uri), on: bench.client())
        #expect(bench.sent.to("B1").last?.wire.uri == sent && bench.questions.isEmpty)
    }

    @Test("PRX-17: another port of ours is where it goes, unless this edge listens there")
    func otherPort() {
        let bench = Bench(1)
        bench.receive(Wire.request("INVITE", "sip:bob@example.com:5090;maddr=198.51.100.10"), on: bench.client())
        #expect(bench.sent.last?.endpoint == .written("udp:198.51.100.10:5090"))
        #expect(bench.sent.last?.wire.uri == "sip:bob@example.com:5090;maddr=198.51.100.10")
        let here = "sip:b@example.com:5060;maddr=198.51.100.10;transport=tcp"
        bench.receive(Wire.request("INVITE", here, branch: "z9hG4bK2"), on: bench.client("D"))
        #expect(bench.sent.to("D").answers.last == 403)
    }

    @Test("PRX-17, PRX-23: a foreign maddr is 403 for a client, and the only target for a server")
    func foreignAddress() {
        let bench = Bench(1)
        for (number, maddr) in ["192.0.2.99", "victim.example"].enumerated() {
            let uri = "sip:bob@example.com;maddr=\(maddr);transport=tcp"
            bench.receive(Wire.request("INVITE", uri, branch: "z9hG4bKa\(number)"), on: bench.client("C\(number)"))
            #expect(bench.sent.to("C\(number)").answers.last == 403)
        }
        #expect(bench.sent.requests.isEmpty && bench.questions.isEmpty)
        let peer = bench.client("P", Side.peerTLS)
        bench.receive(Wire.request("INVITE", "sip:bob@example.com;maddr=192.0.2.99;transport=tcp"), on: peer)
        #expect(bench.sent.last?.endpoint == .written("tcp:192.0.2.99:5060"))
        bench.receive(Wire.request("INVITE", "sip:bob@example.com;maddr=n.example", branch: "z9hG4bK3"), on: peer)
        #expect(bench.questions.map(\.name.host) == ["n.example"])
    }

    @Test("PRX-17: within a dialog the maddr of the other side's Contact is followed as before")
    func inDialog() {
        let bench = Bench(1)
        let client = bench.client()
        let route = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        let uri = "sip:bob@example.org;maddr=192.0.2.1;transport=tcp"
        bench.receive(Wire.request("BYE", uri, toTag: "b", extra: [route]), on: client)
        #expect(bench.sent.requests == ["BYE B1"] && bench.sent[0].wire.uri == uri)
    }

    // MARK: What may not stand in a request line

    @Test("PRX-29: headers and method are left out of a URI that becomes the Request-URI, before a strict router")
    func strictNext() {
        let bench = Bench(1)
        let peer = bench.client("P", Side.peerTLS)
        let route = "Route: <sip:192.0.2.1;transport=tcp;method=BYE;x=1?Subject=h&Priority=urgent>"
        bench.receive(Wire.request("INVITE", extra: [route]), on: peer)
        #expect(bench.sent.requests.last == "INVITE B1")
        #expect(bench.sent.last?.wire.uri == "sip:192.0.2.1;transport=tcp;x=1")
        #expect(bench.sent.last?.wire.values("Route") == ["<sip:bob@example.com>"])
    }

    @Test("PRX-29: and after one, where the last Route is the Request-URI again")
    func strictBefore() {
        let bench = Bench(1)
        let client = bench.client()
        let own = "sip:\(String(buffer: client.token))@edge1.example.com;lr"
        let route = "Route: <sip:bob@192.0.2.1;METHOD=BYE;transport=tcp?Subject=h>"
        bench.receive(Wire.request("INFO", own, toTag: "b", extra: [route]), on: client)
        #expect(bench.sent.requests == ["INFO B1"])
        #expect(bench.sent[0].wire.uri == "sip:bob@192.0.2.1;transport=tcp" && bench.sent[0].wire.values("Route") == [])
    }
}
