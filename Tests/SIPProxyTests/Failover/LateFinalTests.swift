// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// B1 is left after four seconds, and answers while B2 is being tried.
@Suite("Finals of abandoned backends")
struct LateFinalTests {
    private let bench = Bench(3)
    private let client: FlowContext

    init() {
        client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 5)
    }

    private func answer(_ backend: String, _ status: Int) {
        guard let sent = bench.sent.to(backend).first else { return }
        bench.answer(status, to: sent)
    }

    private var requests: [String] { bench.sent.requests.filter { !$0.hasPrefix("ACK") } }

    @Test("PRX-54: a 6xx calls the backend that rings off, and goes up when that has ended")
    func decline() {
        answer("B2", 180)
        answer("B1", 603)
        #expect(requests == ["INVITE B1", "INVITE B2", "CANCEL B2"] && bench.sent.answers == [100, 180])
        answer("B2", 487)
        #expect(bench.sent.answers == [100, 180, 603] && requests.count == 3)
    }

    @Test("PRX-54, TXN-39: before a provisional the CANCEL waits for it, and no other backend is tried meanwhile")
    func declineBeforeRinging() {
        answer("B1", 603)
        #expect(requests == ["INVITE B1", "INVITE B2"] && bench.sent.answers == [100])
        answer("B2", 100)
        #expect(requests == ["INVITE B1", "INVITE B2", "CANCEL B2"])
        bench.wait(until: 36)
        #expect(bench.sent.answers == [100])
        bench.wait(until: 38)
        #expect(bench.sent.answers == [100, 603] && requests.count == 3)
    }

    @Test("PRX-54: nobody is tried after a 6xx, whatever becomes of the other", arguments: ["503", "silence", "loss"])
    func declineAlone(what: String) {
        answer("B1", 603)
        switch what {
        case "503": answer("B2", 503)
        case "loss": bench.close(bench.backendFlow(.backend(2)))
        default: bench.wait(until: 8.1)
        }
        #expect(requests == ["INVITE B1", "INVITE B2"] && bench.sent.answers == [100, 603])
        #expect(bench.finished == ["603"])
    }

    @Test("PRX-54: a 200 that crosses the CANCEL passes all the same")
    func declineAndSuccess() {
        answer("B2", 180)
        answer("B1", 603)
        answer("B2", 200)
        #expect(bench.sent.answers == [100, 180, 200])
    }

    @Test("PRX-54, PRX-71: it outdoes the 487 of who calls off himself")
    func declineAndCancel() {
        answer("B1", 603)
        bench.receive(Wire.request("CANCEL"), on: client)
        bench.close(bench.backendFlow(.backend(2)))
        #expect(bench.sent.answers == [100, 200, 603] && requests == ["INVITE B1", "INVITE B2"])
    }

    @Test("PRX-56, TXN-12: a ringing call that is lost gets what the first backend said", arguments: [603, 404, nil])
    func lostWhileRinging(status: Int?) {
        answer("B2", 180)
        if let status { answer("B1", status) }
        bench.close(bench.backendFlow(.backend(2)))
        bench.core.adopt(.sample([.sample(1)]), now: bench.now)
        bench.wait(2.1)
        #expect(bench.sent.answers == [100, 180, status ?? 408])
    }

    @Test(
        "PRX-55: other finals than 503 end the search: the backend that is being tried may still answer, nobody else",
        arguments: [302, 404, 408, 486, 500, 504],
        ["503", "silence", "180, 503"]
    )
    func ending(status: Int, then what: String) {
        answer("B1", status)
        #expect(requests == ["INVITE B1", "INVITE B2"] && bench.sent.answers == [100])
        if what.hasPrefix("180") { answer("B2", 180) }
        if what.hasSuffix("503") { answer("B2", 503) } else { bench.wait(until: 8.1) }
        #expect(requests == ["INVITE B1", "INVITE B2"])
        let best = what == "silence" && status >= 500 ? 408 : status
        #expect(bench.sent.answers.last == best && bench.sent.answers.count { $0 >= 200 } == 1)
    }

    @Test(
        "PRX-53, PRX-55, TXN-31: another request than INVITE gets it at once, whatever the next backend has said",
        arguments: [401, 404, 500, 603],
        [nil, 100]
    )
    func noInvite(status: Int, then provisional: Int?) {
        let bench = Bench(3)
        bench.receive(Wire.request("REGISTER"), on: bench.client())
        bench.wait(until: 4.5)
        if let provisional { bench.answer(provisional, to: bench.sent.to("B2")[0]) }
        bench.wait(until: 6)
        bench.answer(status, to: bench.sent.to("B1")[0])
        #expect(bench.sent.answers.last == status && bench.finished == ["\(status)"])
        bench.answer(200, to: bench.sent.to("B2")[0])
        bench.wait(until: 100)
        #expect(bench.sent.answers.filter { $0 >= 200 } == [status] && bench.isQuiet)
        #expect(bench.sent.requests == ["REGISTER B1", "REGISTER B2"])
    }

    @Test("PRX-55: a late 503, and what the pool names, end nothing", arguments: [503, 480])
    func open(status: Int) {
        var policy = ForwardingPolicy()
        policy.retryCodes = [480]
        let bench = Bench(3, policy: policy)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 5)
        bench.answer(status, to: bench.sent.to("B1")[0])
        bench.answer(503, to: bench.sent.to("B2")[0])
        #expect(bench.sent.requests.filter { $0.hasPrefix("INVITE") } == ["INVITE B1", "INVITE B2", "INVITE B3"])
    }

    @Test("PRX-55, PRX-66: the 487 that our own CANCEL of an abandoned backend brings ends nothing and is no answer")
    func ownDoing() {
        answer("B1", 180)
        answer("B1", 487)
        answer("B2", 503)
        #expect(requests == ["INVITE B1", "INVITE B2", "CANCEL B1", "INVITE B3"])
        answer("B3", 503)
        #expect(bench.sent.answers == [100, 408])
    }
}
