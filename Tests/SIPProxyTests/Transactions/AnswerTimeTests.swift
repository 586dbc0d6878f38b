// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// Requests other than INVITE, which have one timer F for all their servers together.
@Suite("Until when a request is tried and answered")
struct AnswerTimeTests {
    private let bench = Bench(1)
    private let peer: FlowContext

    init() { peer = bench.client("P", Side.peerTLS, address: "192.0.2.200") }

    /// Sends a request whose next hop has so many servers, B11 and on.
    private func ask(_ servers: UInt32, _ method: String = "OPTIONS") {
        bench.zone["core.example.net"] = (11..<11 + servers).map { .backend($0) }
        let route = "Route: <sip:core.example.net;lr>"
        bench.receive(Wire.request(method, toTag: "b", extra: [route]), on: peer)
    }

    private func answer(_ backend: String, _ status: Int) {
        guard let sent = bench.sent.to(backend).first else { return }
        bench.answer(status, to: sent)
    }

    private var finals: [Int] { bench.sent.answers.filter { $0 >= 200 } }

    @Test(
        "TXN-31, LOC-63: the servers of a name share 27.5 s, and silence ends in silence",
        arguments: [2, 3, 8]
    )
    func shares(servers: UInt32) {
        let instants = (0..<servers).map { 27.5 / Double(servers) * Double($0) }
        ask(servers)
        bench.wait(until: 100)
        #expect(bench.sent.methods("OPTIONS").left(at: instants, turns: Int(servers)))
        #expect(finals.isEmpty && bench.finished == ["0 local"] && bench.isQuiet)
    }

    @Test("TXN-31: the second server's answer goes to the client, before its timer F", arguments: ["OPTIONS", "FROB"])
    func second(method: String) {
        ask(2, method)
        bench.wait(until: 20)
        answer("B12", 200)
        #expect(finals == [200] && bench.sent.methods(method).map(\.to) == ["B11", "B12"])
    }

    @Test("TXN-16: an answer that comes after the client's timer F is dropped, however late its server was asked")
    func tooLate() {
        ask(2)
        bench.wait(until: 32.1)
        #expect(bench.finished == ["0 local"])
        answer("B12", 200)
        answer("B11", 200)
        #expect(finals.isEmpty && bench.drops == [.strayResponse, .strayResponse] && bench.core.transactionCount == 0)
    }

    @Test("TXN-31: a failure until 27 s lets another try be made, one after 28 s no answer of our own")
    func failures() {
        for (second, expected, answers) in [(27.0, ["B11", "B12"], [500]), (27.1, ["B11"], [500]), (29, ["B11"], [])] {
            let test = AnswerTimeTests()
            test.ask(2)
            test.answer("B11", 100)
            test.bench.wait(until: second)
            test.answer("B11", 503)
            #expect(test.bench.sent.methods("OPTIONS").map(\.to) == expected)
            test.bench.wait(until: 80)
            #expect(test.finals == answers && test.bench.finished.count == 1 && test.bench.isQuiet)
        }
    }

    @Test("TXN-31: a failure that could be told goes out before 28 s, though the last server is silent")
    func inTime() {
        ask(2)
        answer("B11", 503)
        bench.wait(until: 27.4)
        #expect(finals.isEmpty)
        bench.wait(until: 27.6)
        #expect(finals == [500])
    }

    @Test("TXN-31, TRN-44: the last of eight servers that closes is asked once more, and the failures are told in time")
    func lastOneCloses() {
        ask(8)
        for last in 11...17 { answer("B\(last)", 503) }
        bench.close(bench.backendFlow(.backend(18), pool: nil))
        #expect(bench.sent.methods("OPTIONS").map(\.to).suffix(3) == ["B17", "B18", "B18"])
        bench.wait(until: 27.4)
        #expect(finals.isEmpty)
        bench.wait(until: 27.6)
        #expect(finals == [500])
        bench.wait(until: 80)
        #expect(finals == [500] && bench.isQuiet)
    }

    @Test("TXN-31, LOC-63: a late failure of the first server is told in time too", arguments: [8, 20])
    func lateFailure(second: Double) {
        let bench = Bench(2)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(until: second)
        bench.answer(503, to: bench.sent.to("B1")[0])
        bench.wait(until: 27.4)
        #expect(bench.finished.isEmpty)
        bench.wait(until: 27.6)
        #expect(bench.sent.answers == [100, 500])
    }

    @Test("LOC-26, TXN-31: a silent server is waited for again when its name has no other any more")
    func nobodyNew() throws {
        bench.receive(Wire.request("OPTIONS", toTag: "b", extra: ["Route: <sip:core.example.net;lr>"]), on: peer)
        let servers = [11, 12].map { Published(endpoint: .backend($0), addressOrder: UInt8($0)) }
        bench.resolve(bench.questions[0].id, .resolved(NextHops(servers, expiresAt: bench.now + .seconds(5))))
        bench.wait(until: 13.8)
        bench.resolve(try #require(bench.questions.first).id, .resolved(NextHops(Array(servers.prefix(1)))))
        bench.wait(until: 20)
        #expect(bench.sent.methods("OPTIONS").map(\.to) == ["B11"] && bench.finished.isEmpty)
        answer("B11", 200)
        #expect(finals == [200])
        bench.wait(until: 80)
        #expect(bench.isQuiet)
    }

    @Test("TXN-31: near the end the servers that are left are not all asked at once", arguments: [26.4, 26.9, 27.3])
    func atTheEnd(second: Double) {
        ask(8)
        answer("B11", 100)
        bench.wait(until: second)
        answer("B11", 503)
        bench.wait(until: 80)
        let instants = [0] + [second, second + 0.5].filter { $0 <= 27 }
        #expect(bench.sent.methods("OPTIONS").left(at: instants, turns: 2) && finals == [500] && bench.isQuiet)
    }

    @Test("TXN-31: a failure is told in time though a pool gives the next backend longer", arguments: [26.0, 26.9])
    func poolAtTheEnd(second: Double) {
        let bench = Bench(2)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.answer(100, to: bench.sent.to("B1")[0])
        bench.wait(until: second)
        bench.answer(503, to: bench.sent.to("B1")[0])
        bench.wait(until: 27.6)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"] && bench.sent.answers == [100, 500])
    }

    @Test("TXN-31: what a server itself says passes to the end")
    func passes() {
        ask(1)
        bench.wait(until: 31.5)
        answer("B11", 480)
        #expect(finals == [480])
    }

    @Test("TXN-31: no connection after 28 s is silence too", arguments: [(27.9, [503]), (28.1, [])])
    func noConnection(second: Double, expected: [Int]) {
        let bench = Bench(1)
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(until: second)
        bench.fail(bench.sent[0], .connectTimeout)
        #expect(bench.sent.answers.filter { $0 >= 200 } == expected && bench.finished.count == 1)
    }

    @Test("TXN-31: a pool without a first-response limit shares the time like a name, but for INVITEs")
    func poolWithoutLimit() {
        let bench = Bench(.sample([.sample(3, firstResponse: nil)]))
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK2"), on: client)
        bench.wait(until: 31)
        #expect(bench.sent.methods("OPTIONS").left(at: [0, 9.1667, 18.3333], turns: 3))
        #expect(bench.sent.methods("INVITE").map(\.to) == ["B1"])
        bench.wait(until: 33)
        #expect(bench.sent.methods("OPTIONS").count == 3 && bench.finished == ["0 local"])
    }

    @Test("TXN-31: a pool with a long one ends with the client's timer F")
    func poolWithLongLimit() {
        let limits = FirstResponseLimits(invite: .seconds(20), nonInvite: .seconds(20))
        let bench = Bench(.sample([.sample(3, firstResponse: limits)]))
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(until: 100)
        #expect(bench.sent.methods("OPTIONS").left(at: [0, 20], turns: 2))
        #expect(bench.sent.answers == [100] && bench.finished == ["0 local"] && bench.isQuiet)
    }

    @Test("TXN-27, TXN-31: a client on UDP that repeats what was given up begins nothing anew")
    func repeats() {
        let bench = Bench(3)
        let phone = bench.client("U", Side.publicUDP)
        let text = Wire.request("OPTIONS", via: "UDP 203.0.113.7:51000")
        for second in [0, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] {
            bench.wait(until: second)
            bench.receive(text, on: phone)
        }
        bench.wait(until: 32.1)
        bench.receive(text, on: phone)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2", "OPTIONS B3"] && bench.finished == ["0 local"])
        bench.wait(until: 37.1)
        #expect(bench.core.transactionCount == 0)
        bench.wait(until: 80)
        #expect(bench.isQuiet)
    }
}
