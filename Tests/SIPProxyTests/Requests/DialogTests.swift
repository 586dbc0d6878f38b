// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// Whole dialogs between a client behind its own connection and a backend, as both ends route them by the Record-Routes
/// (RFC 3261 sections 12 and 14, RFC 6665).
@Suite("Requests within dialogs")
struct DialogTests {
    private static let alice = "sip:alice@192.168.1.20:49152;transport=tls"
    private static let bob = "sip:bob@192.0.2.1:5060"

    private let bench = Bench(2)
    private let client: FlowContext
    private let backend: FlowContext

    init() {
        client = bench.client()
        backend = bench.backendFlow(.backend(1))
    }

    /// Begins a dialog that B1 takes; the Record-Route values as B1 saw them.
    private func begin(_ method: String, extra: [String] = []) throws -> [String] {
        bench.receive(Wire.request(method, extra: extra + ["Contact: <\(Self.alice)>"]), on: client)
        let request = try #require(bench.sent.to("B1").last)
        let recorded = request.wire.values("Record-Route")
        #expect(recorded.count == 2)
        let extra = recorded.map { "Record-Route: \($0)" } + ["Contact: <\(Self.bob)>"]
        bench.answer(200, to: request, tag: "bob", extra: extra)
        let answer = try #require(bench.sent.to("C").last?.wire)
        #expect(answer.status == 200 && answer.values("Record-Route") == recorded)
        _ = bench.take()
        return recorded
    }

    /// A request of the client's in the dialog: the Record-Routes in reverse.
    private func fromClient(_ method: String, _ number: Int, _ routes: [String], branch: String, extra: [String] = []) {
        let text = Wire.request(
            method,
            Self.bob,
            branch: branch,
            number: number,
            toTag: "bob",
            extra: routes.reversed().map { "Route: \($0)" } + extra
        )
        bench.receive(text, on: client)
    }

    /// A request of the backend's in the dialog: the Record-Routes as they stood.
    private func fromBackend(_ method: String, _ number: Int, _ routes: [String], branch: String, extra: [String] = [])
    {
        let text = Wire.request(
            method,
            Self.alice,
            via: "TCP 192.0.2.1:5060",
            branch: branch,
            number: number,
            toTag: "a",
            extra: routes.map { "Route: \($0)" } + extra
        )
        bench.receive(text, on: backend)
    }

    @Test("A disabled backend gets nothing of its dialogs, a draining one all of them", arguments: [true, false])
    func disabled(isDisabled: Bool) throws {
        let routes = try begin("INVITE")
        var view = PoolView.sample(2)
        var backends = view.backends
        backends[0] = BackendView(
            id: backends[0].id,
            name: backends[0].name,
            state: isDisabled ? .disabled : .draining,
            isUsable: false
        )
        view = PoolView(id: view.id, settings: view.settings, backends: backends)
        bench.core.adopt(.sample([view]), now: bench.now)
        _ = bench.take()
        fromClient("ACK", 1, routes, branch: "z9hG4bKack1")
        fromClient("BYE", 2, routes, branch: "z9hG4bKbye")
        #expect(bench.sent.requests == (isDisabled ? [] : ["ACK B1", "BYE B1"]))
        #expect(bench.sent.answers == (isDisabled ? [503] : []))
    }

    @Test("PRX-22, FLW-20: a client's re-INVITE and the ACK of its 200 go to the backend of the dialog")
    func clientReinvites() throws {
        let routes = try begin("INVITE")
        fromClient("ACK", 1, routes, branch: "z9hG4bKack1")
        #expect(bench.take().requests == ["ACK B1"])

        fromClient("INVITE", 2, routes, branch: "z9hG4bKre", extra: ["Contact: <\(Self.alice)>"])
        let again = try #require(bench.sent.to("B1").last)
        #expect(bench.sent.requests == ["INVITE B1"] && bench.sent.answers == [100])
        #expect(again.wire.uri == Self.bob && again.wire.values("Route").isEmpty && again.wire.toTag == "bob")
        // A target refresh is recorded as the first request was.
        #expect(again.wire.values("Record-Route") == routes)
        bench.answer(200, to: again)
        #expect(bench.take().to("C").statuses == [100, 200])

        fromClient("ACK", 2, routes, branch: "z9hG4bKack2")
        let ack = bench.take()
        #expect(ack.requests == ["ACK B1"] && ack[0].wire.uri == Self.bob && ack[0].wire.values("Route").isEmpty)
        bench.wait(33, step: .seconds(1))
        #expect(bench.take().isEmpty && bench.isQuiet)
    }

    @Test("FLW-12, FLW-20: a backend's re-INVITE and its ACK go to the client on the client's own connection")
    func backendReinvites() throws {
        let routes = try begin("INVITE")
        fromBackend("INVITE", 1, routes, branch: "z9hG4bKre", extra: ["Contact: <\(Self.bob)>"])
        let again = try #require(bench.sent.to("C").last)
        #expect(bench.sent.requests == ["INVITE C"] && bench.sent.answers == [100] && again.flow == client.id)
        #expect(again.wire.uri == Self.alice && again.wire.values("Route").isEmpty)
        bench.answer(200, to: again)
        #expect(bench.take().to("B1").statuses == [100, 200])

        fromBackend("ACK", 1, routes, branch: "z9hG4bKack")
        let ack = bench.take()
        #expect(ack.requests == ["ACK C"] && ack[0].flow == client.id && ack[0].wire.uri == Self.alice)
    }

    @Test("RFC 3261 section 14.2: 491 for a re-INVITE reaches who asked, and is acknowledged on each hop by itself")
    func glare() throws {
        let routes = try begin("INVITE")
        fromClient("INVITE", 2, routes, branch: "z9hG4bKglare")
        fromBackend("INVITE", 1, routes, branch: "z9hG4bKglare")
        let (down, up) = (
            try #require(bench.sent.to("C").methods("INVITE").last),
            try #require(bench.sent.to("B1").methods("INVITE").last)
        )
        _ = bench.take()
        bench.answer(491, to: up, tag: "bob")
        #expect(bench.sent.requests == ["ACK B1"] && bench.sent.to("C").statuses == [491])
        _ = bench.take()
        bench.answer(491, to: down, tag: "a")
        #expect(bench.sent.requests == ["ACK C"] && bench.sent.to("B1").statuses == [491])
        _ = bench.take()
        fromClient("ACK", 2, routes, branch: "z9hG4bKglare")
        fromBackend("ACK", 1, routes, branch: "z9hG4bKglare")
        #expect(bench.sent.isEmpty)
    }

    @Test("RFC 6665: SUBSCRIBE makes a dialog in which NOTIFY finds the client, and refresh and end find the backend")
    func subscription() throws {
        let event = ["Event: presence", "Expires: 600"]
        let routes = try begin("SUBSCRIBE", extra: event)
        try notify(1, routes, "active;expires=600")
        fromClient("SUBSCRIBE", 2, routes, branch: "z9hG4bKrefresh", extra: event)
        try answered()
        try notify(2, routes, "active;expires=600")
        fromClient("SUBSCRIBE", 3, routes, branch: "z9hG4bKend", extra: ["Event: presence", "Expires: 0"])
        try answered()
        try notify(3, routes, "terminated;reason=timeout")
        bench.wait(33, step: .seconds(1))
        #expect(bench.isQuiet && bench.sent.isEmpty)
    }

    @Test("RFC 6665 section 4.4.1: a NOTIFY that is faster than the 200 to SUBSCRIBE passes it")
    func fastNotify() throws {
        bench.receive(Wire.request("SUBSCRIBE", extra: ["Contact: <\(Self.alice)>"]), on: client)
        let subscribe = try #require(bench.take().to("B1").last)
        try notify(1, subscribe.wire.values("Record-Route"), "active")
        bench.answer(200, to: subscribe)
        #expect(bench.take().to("C").statuses == [200])
    }

    /// A NOTIFY on its way down, and its 200 up.
    private func notify(_ number: Int, _ routes: [String], _ state: String) throws {
        let extra = ["Event: presence", "Subscription-State: \(state)"]
        fromBackend("NOTIFY", number, routes, branch: "z9hG4bKnotify\(number)", extra: extra)
        let notify = try #require(bench.sent.last)
        #expect(bench.sent.requests == ["NOTIFY C"] && notify.flow == client.id && notify.wire.uri == Self.alice)
        #expect(notify.wire.value("Subscription-State") == state && notify.wire.values("Route").isEmpty)
        _ = bench.take()
        bench.answer(200, to: notify)
        #expect(bench.sent.map(\.to) == ["B1"] && bench.sent.statuses == [200])
        _ = bench.take()
    }

    /// A SUBSCRIBE that left for B1, and its 200 down.
    private func answered() throws {
        let request = try #require(bench.sent.last)
        #expect(bench.sent.requests == ["SUBSCRIBE B1"] && request.wire.uri == Self.bob)
        bench.answer(200, to: request)
        #expect(bench.sent.to("C").statuses == [200])
        _ = bench.take()
    }
}
