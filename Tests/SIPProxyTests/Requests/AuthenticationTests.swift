// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

/// A proxy has no part in what client and server prove to each other (RFC 3261 section 22, RFC 8760).
@Suite("Authentication passes through")
struct AuthenticationTests {
    private static let hex32 = String(repeating: "0123456789abcdef", count: 2)
    private static let hex64 = String(repeating: "0123456789abcdef", count: 4)

    @Test("OVL-52: a challenge goes to the client, and no second request leaves", arguments: [401, 407])
    func challenge(status: Int) {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        let name = status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate"
        bench.answer(status, to: bench.sent.to("B1")[0], extra: ["\(name): Digest realm=\"a\", nonce=\"n\""])
        bench.wait(40)
        #expect(bench.sent.to("C").answers.filter { $0 >= 200 } == [status])
        #expect(bench.sent.to("C").last?.wire.values(name) == ["Digest realm=\"a\", nonce=\"n\""])
        #expect(bench.sent.methods("INVITE").count == 1 && bench.sent.to("B2").isEmpty)
        #expect(bench.sent.allSatisfy { $0.wire.value("Proxy-Authorization") == nil })
    }

    @Test("OVL-54: several challenges stay in the order sent, alone and joined with those of others")
    func order() {
        let challenges = ["SHA-512-256", "SHA-256", "MD5"].map {
            "WWW-Authenticate: Digest  realm=\"a\",algorithm=\($0)"
        }
        var policy = ForwardingPolicy()
        policy.retryCodes = [401]
        for count in [UInt32(1), 2] {
            let bench = Bench(count, policy: policy)
            bench.receive(Wire.request("REGISTER", "sip:example.com"), on: bench.client())
            bench.answer(401, to: bench.sent.to("B1")[0], extra: challenges)
            let others = [
                "WWW-Authenticate: Digest realm=\"b\",algorithm=SHA-256", "WWW-Authenticate: Digest realm=\"b\"",
            ]
            if count == 2 { bench.answer(401, to: bench.sent.to("B2")[0], extra: others) }
            let lines = bench.sent.to("C").last?.wire.lines.filter { $0.hasPrefix("WWW-Authenticate") }
            #expect(lines == challenges + (count == 2 ? others : []))
        }
    }

    @Test(
        "OVL-55, OVL-56: of credentials nothing is read: any length of digest, any algorithm, any uri",
        arguments: [
            "response=\"\(hex32)\"", "response=\"\(hex64)\", algorithm=SHA-256", "response=\"\"",
            "response=\"\(hex32)\", algorithm=AKAv1-MD5, auts=\"x==\"", "response=\"\(hex64)\", algorithm=SHA-256-sess",
            "response=\"\(hex32)\", qop=auth-int, cnonce=\"c\", nc=00000001", "uri=\"sip:elsewhere@example.org\"",
            "uri=\"http://x\", response = \"\(hex64)\" , algorithm=SHA-512-256",
        ]
    )
    func opaque(parameters: String) {
        let bench = Bench(1)
        let lines = [
            "Authorization:  Digest username=\"a\" ,realm=\"r\", \(parameters)", "proxy-AUTHORIZATION: x \(parameters)",
        ]
        let text = Wire.request("REGISTER", "sip:example.com", extra: lines, body: "v=0\r\n")
        bench.receive(text, on: bench.client())
        let sent = bench.sent.to("B1").first?.wire
        #expect(sent?.lines.filter { $0.lowercased().contains("authorization") } == lines && sent?.body == "v=0\r\n")
    }

    @Test(
        "OVL-53: not one byte of what client and server prove is altered, whatever its order, case, blanks and rows",
        arguments: [401, 407, 200]
    )
    func untouched(status: Int) {
        let bench = Bench(1)
        let client = bench.client()
        let credentials = [
            "authorization : Digest  username=\"a\" ,realm= \"r\",nonce=n , uri=\"sip:x\",response=\"\(Self.hex32)\"",
            "Proxy-Authorization:Digest response=\"\(Self.hex64)\",username=\"b\"",
            "PROXY-authorization: Digest x = y ,, z",
        ]
        bench.receive(Wire.request("REGISTER", "sip:example.com", extra: credentials), on: client)
        func proofs(_ text: String?) -> [String] {
            (text ?? "").components("\r\n").filter { $0.lowercased().contains("auth") }
        }
        #expect(proofs(bench.sent.to("B1").first?.wire.text) == credentials)
        let challenges = [
            "www-authenticate:Digest realm= \"a\" ,nonce=\"n\",stale=FALSE,  qop=\"auth,auth-int\"",
            "WWW-Authenticate: Digest realm=\"b\", Digest realm=\"c\"", "Proxy-authenticate : Basic realm=x",
            "Authentication-Info: nextnonce=\"47364c23\", qop=auth , rspauth=\"\(Self.hex32)\"",
            "authentication-INFO:rspauth=\"\(Self.hex64)\",cnonce=\"\",nc=00000001",
        ]
        bench.answer(status, to: bench.sent.to("B1")[0], extra: challenges)
        #expect(proofs(bench.sent.to("C").last?.wire.text) == challenges)
    }

    @Test("OVL-57: the edge challenges nobody, whatever it refuses and however")
    func noChallenge() throws {
        let bench = Bench(1)
        let client = bench.client()
        let requests = [
            Wire.request("INVITE", maxForwards: 0), Wire.request("INVITE", "http://x", branch: "z9hG4bK2"),
            Wire.request("INVITE", branch: "z9hG4bK3", extra: ["Proxy-Require: x"]),
            Wire.request("INVITE", branch: "z9hG4bK4", extra: ["Route: <sip:victim.example;lr>"]),
            Wire.request("INVITE", "sips:a@example.com", branch: "z9hG4bK5"),
            Wire.request("OPTIONS", branch: "z9hG4bK6", maxForwards: 0), Wire.request("CANCEL", branch: "z9hG4bK7"),
        ]
        for text in requests { bench.receive(text, on: client) }
        let finals = bench.sent.filter { $0.status >= 200 }
        #expect(finals.count == requests.count)
        #expect(finals.allSatisfy { $0.status != 401 && $0.status != 407 && !$0.wire.text.contains("Authenticate") })
    }

    @Test("OVL-58: with affinity the request with credentials comes to the server that asked for them")
    func retry() {
        let id = PoolID(index: 0)
        let backends = (1...3).map { last in
            BackendView(id: BackendID(pool: id, endpoint: .backend(last)), name: "b\(last)", weight: 1)
        }
        let settings = PoolSettings(name: "p", affinity: .callID)
        let bench = Bench(.sample([PoolView(id: id, settings: settings, backends: backends)]))
        let client = bench.client()
        var homes: Set<String> = []
        for number in 0..<30 {
            _ = bench.take()
            for (turn, extra) in [[], ["Authorization: Digest realm=\"r\", nonce=\"n\""]].enumerated() {
                let text = Wire.request(
                    "REGISTER",
                    "sip:example.com",
                    branch: "z9hG4bK\(number)-\(turn)",
                    callID: "call-\(number)",
                    number: turn + 1,
                    extra: extra
                )
                bench.receive(text, on: client)
                guard let request = bench.sent.methods("REGISTER").last else {
                    return #expect(Bool(false), "nothing left")
                }
                bench.answer(turn == 0 ? 401 : 200, to: request)
            }
            let places = bench.sent.methods("REGISTER").map(\.to)
            #expect(places.count == 2 && places[0] == places[1])
            homes.formUnion(places)
        }
        #expect(homes.count == 3)
    }

    @Test("OVL-58: of two servers the one that challenges an INVITE gets it again, with CSeq+1 and the same Call-ID")
    func calls() {
        let id = PoolID(index: 0)
        let backends = (1...2).map { last in
            BackendView(id: BackendID(pool: id, endpoint: .backend(last)), name: "b\(last)", weight: 1)
        }
        let settings = PoolSettings(name: "p", affinity: .callID)
        let bench = Bench(.sample([PoolView(id: id, settings: settings, backends: backends)]))
        let client = bench.client()
        func call(_ number: Int, _ turn: Int, _ extra: [String] = []) -> [Sent] {
            let branch = "z9hG4bK\(number)-\(turn)"
            let text = Wire.request("INVITE", branch: branch, callID: "call-\(number)", number: turn, extra: extra)
            bench.receive(text, on: client)
            return bench.take().methods("INVITE")
        }
        var homes: Set<String> = []
        for number in 0..<20 {
            let challenged = call(number, 1)
            bench.answer(407, to: challenged[0], extra: ["Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\""])
            #expect(
                bench.sent.to("C").answers == [407] && bench.take().methods("ACK").map(\.to) == challenged.map(\.to)
            )
            let proof = "Proxy-Authorization: Digest realm=\"r\", nonce=\"n\""
            let again = call(number, 2, [proof])
            #expect(again.map(\.to) == challenged.map(\.to) && again[0].wire.value("CSeq") == "2 INVITE")
            #expect(again[0].wire.branch != challenged[0].wire.branch)
            bench.answer(200, to: again[0])
            homes.formUnion(again.map(\.to))
        }
        #expect(homes == ["B1", "B2"])
    }

    @Test("OVL-59: credentials for other realms are not taken off")
    func realms() {
        let bench = Bench(1)
        let lines = ["a", "edge1.example.com", "example.com"].map { "Proxy-Authorization: Digest realm=\"\($0)\"" }
        bench.receive(Wire.request("INVITE", extra: lines), on: bench.client())
        #expect(bench.sent.to("B1")[0].wire.lines.filter { $0.hasPrefix("Proxy-Authorization") } == lines)
    }
}
