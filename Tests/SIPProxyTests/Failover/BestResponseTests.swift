// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Which response goes to the client")
struct BestResponseTests {
    /// Feeds one final of each backend in turn, and gives what the client hears; all codes move on.
    private func best(_ statuses: [Int], retryAfter: [String] = [], method: String = "INVITE") -> (Int, Bench) {
        var policy = ForwardingPolicy()
        policy.retryCodes = (300...599).map { UInt16($0) } + [603]
        let bench = Bench(UInt32(statuses.count), policy: policy)
        bench.receive(Wire.request(method), on: bench.client())
        for (place, status) in statuses.enumerated() {
            guard let request = bench.sent.to("B\(place + 1)").first else { break }
            bench.answer(status, to: request, extra: status == 503 ? retryAfter : [])
        }
        let finals = bench.sent.answers.filter { $0 >= 200 }
        return (finals.count == 1 ? finals[0] : -finals.count, bench)
    }

    @Test(
        "PRX-56: the best of several finals",
        arguments: [
            ([503, 404], 404), ([503, 407, 501], 407), ([486, 603], 603), ([404, 401], 401), ([401, 404], 401),
            ([500, 302], 302), ([404, 503, 486], 404), ([501, 404], 404), ([480, 484], 484), ([503, 504], 504),
        ]
    )
    func best(statuses: [Int], expected: Int) {
        #expect(best(statuses).0 == expected)
    }

    @Test(
        "PRX-56, TXN-44, TXN-31: the silence of one backend is 408 to an INVITE, and nothing to other requests",
        arguments: [
            (503, 408, 500), (500, 408, 500), (504, 408, 504), (404, 404, 404), (401, 401, 401), (302, 302, 302),
            (603, 603, 603), (200, 200, 200),
        ]
    )
    func silence(status: Int, forInvite: Int, forOther: Int) {
        for (method, expected) in [("INVITE", forInvite), ("OPTIONS", forOther)] {
            let bench = Bench(2)
            bench.receive(Wire.request(method), on: bench.client())
            bench.wait(until: 4.1)
            bench.answer(status, to: bench.sent.to("B2")[0])
            #expect(bench.sent.answers.last == expected, "\(method)")
            #expect(bench.sent.answers.count { $0 >= 200 } == 1 && bench.sent.methods(method).count == 2)
        }
    }

    @Test("TXN-44: a backend that is silent and one that refuses are 408 together")
    func silenceAndRefusal() {
        let bench = Bench(2)
        bench.behaviour[.backend(2)] = .fails(.refused)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 4.1)
        #expect(bench.sent.answers == [100, 408])
    }

    @Test("PRX-56: what has answered late was not silent")
    func late() {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 4.1)
        bench.answer(500, to: bench.sent.to("B1")[0])
        bench.answer(503, to: bench.sent.to("B2")[0])
        #expect(bench.sent.answers == [100, 500])
    }

    @Test("PRX-56, PRX-57, OVL-02: a lone 503 becomes 500 without Retry-After", arguments: [[503], [503, 503]])
    func lone(statuses: [Int]) {
        let (status, bench) = best(statuses)
        #expect(status == 500 && bench.sent.last { $0.status == 500 }?.wire.value("Retry-After") == nil)
    }

    @Test("PRX-57: when the whole pool asked to be left alone it is 503 with a Retry-After of ours")
    func held() {
        let (status, bench) = best([503, 503], retryAfter: ["Retry-After: 10"])
        #expect(status == 503)
        #expect(bench.sent.last { $0.status == 503 }?.wire.value("Retry-After") != nil)
    }

    @Test("LOC-49, PRX-57: Retry-After: 0 asks for nothing, so that it is 500 as without it")
    func zero() { #expect(best([503, 503], retryAfter: ["Retry-After: 0"]).0 == 500) }

    @Test("PRX-54: nobody else is tried after a 6xx")
    func everywhere() {
        let (status, bench) = best([603, 200])
        #expect(status == 603 && bench.sent.requests == ["INVITE B1", "ACK B1"])
    }

    @Test(
        "PRX-55: which finals move on: 503 by default, and what the pool names",
        arguments: [
            302, 400, 404, 408, 480, 486, 500, 502, 503, 504, 600,
        ],
        [false, true]
    )
    func movesOn(status: Int, isNamed: Bool) {
        var policy = ForwardingPolicy()
        if isNamed { policy.retryCodes = [UInt16(status)] }
        let bench = Bench(2, policy: policy)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.answer(status, to: bench.sent[0])
        let moves = status == 503 || (isNamed && status < 600)
        #expect(bench.sent.requests == (moves ? ["OPTIONS B1", "OPTIONS B2"] : ["OPTIONS B1"]))
        #expect(bench.sent.answers == (moves ? [] : [status]))
    }

    @Test("TXN-12, LOC-46: a 503 of a call that has rung does not move on")
    func afterRinging() {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.answer(503, to: bench.sent.to("B1")[0])
        #expect(bench.sent.requests == ["INVITE B1", "ACK B1"] && bench.sent.answers == [100, 180, 500])
    }

    @Test(
        "LOC-49: 503 with Retry-After holds the backend here until the control plane speaks; without it does not",
        arguments: [
            true, false,
        ]
    )
    func hold(asks: Bool) {
        let bench = Bench(2)
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(503, to: bench.sent[0], extra: asks ? ["Retry-After: 10"] : [])
        bench.answer(200, to: bench.sent.to("B2")[0])
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2"), on: client)
        #expect(bench.sent.requests.last == (asks ? "OPTIONS B2" : "OPTIONS B1"))
        guard case .attempt(_, let failure, let seconds, _)? = bench.events.first else {
            Issue.record("no event")
            return
        }
        #expect(failure == .status && seconds == (asks ? 10 : nil))
    }

    @Test("PRX-59: the To tag is neither added nor changed", arguments: [180, 200, 302, 404, 500, 504, 599, 603])
    func toTag(status: Int) {
        let bench = Bench(1)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.answer(status, to: bench.sent.to("B1")[0], tag: "backend")
        #expect(bench.sent.to("C").last?.wire.toTag == "backend")
    }

    @Test("PRX-60: the challenges of all that answered 401 and 407 go up together, in the order of each")
    func challenges() {
        var policy = ForwardingPolicy()
        policy.retryCodes = [401, 407]
        let bench = Bench(2, policy: policy)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        let first = ["Proxy-Authenticate: Digest realm=\"a\"", "Proxy-Authenticate: Digest realm=\"b\""]
        bench.answer(407, to: bench.sent[0], extra: first)
        bench.answer(401, to: bench.sent[1], extra: ["WWW-Authenticate: Digest realm=\"c\""])
        let answer = bench.sent.last?.wire
        #expect(bench.sent.answers.count == 1 && (answer?.status == 401 || answer?.status == 407))
        #expect(answer?.values("Proxy-Authenticate") == ["Digest realm=\"a\"", "Digest realm=\"b\""])
        #expect(answer?.values("WWW-Authenticate") == ["Digest realm=\"c\""])
    }

    @Test("PRX-68, PRX-90: 3xx and 480 with Warning 380 are passed up, and nothing else is tried")
    func passed() {
        let bench = Bench(2)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let contacts = ["Contact: <sip:x@192.0.2.9>", "Contact: <sip:y@192.0.2.8>"]
        bench.answer(302, to: bench.sent.to("B1")[0], extra: contacts)
        #expect(bench.sent.to("C").last?.wire.values("Contact").count == 2)
        bench.receive(Wire.request("OPTIONS", "sip:x@example.com", branch: "z9hG4bK2"), on: client)
        bench.answer(480, to: bench.sent.methods("OPTIONS")[0], extra: ["Warning: 380 x \"SIPS Not Allowed\""])
        #expect(bench.sent.to("C").last?.status == 480 && bench.sent.to("B2").isEmpty)
    }

    /// What leaves any bench is looked at in the same way: see `Scan`.
    @Test("PRX-04: of its own the edge sends 100 and finals alone")
    func ownAnswers() {
        for statuses in [[503], [404], [503, 503]] {
            let (_, bench) = best(statuses)
            #expect(bench.sent.answers.allSatisfy { $0 == 100 || $0 >= 200 })
        }
    }
}
