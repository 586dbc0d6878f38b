// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Why a request went where it went")
struct ExplainTests {
    private func explain(_ bench: Bench, _ callID: String = "call-1") -> [RequestExplanation] {
        bench.core.explain(callID: ByteBuffer(string: callID))
    }

    /// The attempts of the only request with that Call-ID, as `B1 refused 0 ms`, in steps of 50 ms.
    private func trail(_ bench: Bench, _ callID: String = "call-1") -> [String] {
        explain(bench, callID).last?.record.trail.notes.map { note in
            let name = note.target.map { Bench.name($0.endpoint) } ?? "flow"
            let time = note.endedAt.map { " \(($0 - note.sentAt).nanoseconds / 50_000_000 * 50) ms" } ?? ""
            let outcome: String =
                switch note.outcome {
                case .waiting: "waiting"
                case .answered(let status): "\(status)"
                case .failed(let failure, let status): status > 0 ? "\(failure) \(status)" : "\(failure)"
                case .cancelled: "cancelled"
                }
            return "\(name) \(outcome)\(time)"
        } ?? []
    }

    @Test("A call with a failover: the attempts in order with outcome and time, the answer, the route, the snapshot")
    func failover() throws {
        let bench = Bench(3)
        let client = bench.client()
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("INVITE"), on: client)
        #expect(trail(bench) == ["B1 refused 0 ms", "B2 waiting"])
        let running = try #require(explain(bench).first)
        #expect(running.record.duration == nil && running.record.status == 0)
        bench.wait(0.2)
        bench.answer(503, to: bench.sent.to("B2")[0])
        bench.wait(0.05)
        bench.answer(180, to: bench.sent.to("B3")[0])
        bench.wait(1)
        bench.answer(200, to: bench.sent.to("B3")[0])
        #expect(trail(bench) == ["B1 refused 0 ms", "B2 status 503 200 ms", "B3 200 1050 ms"])

        let all = explain(bench)
        let record = try #require(all.first?.record)
        #expect(all.count == 1)
        #expect(record.method == .invite && record.status == 200 && !record.isLocal && record.reason == "")
        #expect(record.duration == .milliseconds(1250) && record.startedAt == Bench.beginning)
        #expect(record.way == .route(0) && record.pool == PoolID(index: 0) && record.generation == 1)
        #expect(record.sourceAddress.description == "203.0.113.7" && record.sourcePort == 51000)
        #expect(record.listener == Side.publicTLS && record.transport == .tls && record.affinity == nil)
        let view = try #require(all.first?.view)
        #expect(view.explain().map(\.standing) == [.eligible, .laterPriority, .laterPriority])
    }

    @Test("Every request of a dialog is told, in order, and no other call's; letters count")
    func dialog() {
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(1)
        bench.receive(Wire.request("BYE", branch: "z9hG4bK2", number: 2, toTag: "b"), on: client)
        bench.answer(200, to: bench.sent.methods("BYE")[0])
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3", callID: "other"), on: client)
        #expect(explain(bench).map(\.record.method) == [.invite, .bye])
        #expect(explain(bench, "other").map(\.record.method) == [.options])
        for unknown in ["CALL-1", "call-", "call-11", ""] { #expect(explain(bench, unknown).isEmpty) }
    }

    @Test("What was answered here says so, with its phrase and no attempt", arguments: [("0", 483), ("70", 404)])
    func local(maxForwards: String, status: UInt16) throws {
        let bench = Bench(.sample([.sample(1)], routes: []))
        bench.receive(Wire.request("OPTIONS", maxForwards: Int(maxForwards)), on: bench.client())
        let record = try #require(explain(bench).first?.record)
        // OPTIONS that may go no further is answered as one for the edge itself.
        let expected: UInt16 = maxForwards == "0" ? 200 : status
        #expect(record.status == expected && record.isLocal && !record.reason.isEmpty && record.way == .none)
        #expect(record.trail.notes.isEmpty && record.pool == nil && explain(bench).first?.view == nil)
    }

    @Test("A cancelled call, a mute backend and a request that nobody answers")
    func endings() {
        let bench = Bench(2)
        let client = bench.client()
        bench.receive(Wire.request("INVITE", callID: "cancelled"), on: client)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("CANCEL", callID: "cancelled"), on: client)
        bench.wait(until: 40)
        #expect(trail(bench, "cancelled") == ["B1 cancelled 32000 ms"])
        #expect(explain(bench, "cancelled").first?.record.isCancelled == true)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", callID: "mute"), on: client)
        bench.wait(until: 120)
        #expect(trail(bench, "mute") == ["B1 timeout 4000 ms", "B2 timeout 28000 ms"])
        #expect(explain(bench, "mute").first?.record.status == 0)
    }

    @Test("A backend that this worker has just seen fail is passed by, and that is told of the request that did so")
    func passedBy() throws {
        let bench = Bench(2)
        let client = bench.client()
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS", callID: "first"), on: client)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", callID: "second"), on: client)
        let first = try #require(explain(bench, "first").first)
        let second = try #require(explain(bench, "second").first)
        #expect(!first.record.passedBy.contains(0) && second.record.passedBy.contains(0))
        let notes = try #require(second.view).explain(locallyDown: second.record.passedBy.contains)
        #expect(notes.map(\.standing) == [.locallyDown, .eligible])
        #expect(trail(bench, "second") == ["B2 waiting"])
    }

    @Test("The affinity key is the same for calls that keep together, and none where nothing does")
    func affinity() {
        func key(_ policy: AffinityPolicy, _ callID: String, _ bench: Bench) -> AffinityKey? {
            explain(bench, callID).first?.record.affinity
        }
        for policy in AffinityPolicy.allCases {
            let settings = PoolSettings(name: "p", affinity: policy)
            let id = PoolID(index: 0)
            let backend = BackendView(id: BackendID(pool: id, endpoint: .backend(1)), name: "b1")
            let bench = Bench(.sample([PoolView(id: id, settings: settings, backends: [backend])]))
            let client = bench.client()
            for (number, callID) in ["one", "two"].enumerated() {
                bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)", callID: callID), on: client)
            }
            let keys = (key(policy, "one", bench), key(policy, "two", bench))
            #expect((keys.0 == nil) == (policy == .none), "\(policy)")
            #expect((keys.0 == keys.1) == (policy != .callID), "\(policy)")
        }
    }

    @Test("A flow token, an address and a name in the Route are told as the way")
    func ways() {
        let bench = Bench(1)
        let peer = bench.client("P", Side.peerTLS)
        let device = bench.client()
        let token = String(buffer: device.token)
        let routes = [
            ("flow", "<sip:\(token)@edge1.example.com;lr>", RequestRecord.Way.flow),
            ("address", "<sip:192.0.2.1:5060;transport=tcp;lr>", .address),
            ("name", "<sip:next.example.org;lr>", .name),
        ]
        for (callID, route, way) in routes {
            let text = Wire.request("INVITE", branch: "z9hG4bK\(callID)", callID: callID, extra: ["Route: \(route)"])
            bench.receive(text, on: peer)
            #expect(explain(bench, callID).map(\.record.way) == [way], "\(callID)")
        }
        #expect(trail(bench, "flow") == ["flow waiting"] && trail(bench, "name") == [])
    }
}
