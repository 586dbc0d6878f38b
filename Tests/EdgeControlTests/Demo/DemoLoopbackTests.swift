// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Demonstration caller and backend over real sockets, without an edge between them", .timeLimit(.minutes(1)))
struct DemoLoopbackTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    @Test("Users register, and every call is set up, held and ended over TCP")
    func calls() async throws {
        let backend = try await backend("alpha")
        let caller = caller(backend)
        #expect(await caller.register() == [])
        let tally = await caller.call(60, perSecond: 600)
        #expect(tally.failures == [:])
        #expect(tally.servers == ["alpha": 60])
        let answering = try await backend.answering()
        #expect(answering.requests == [.register: 3, .invite: 60, .ack: 60, .bye: 60])
        #expect((answering.callCount, answering.strays, answering.registrar.bindings.count) == (0, 0, 3))
        await caller.close()
        await backend.stop()
    }

    @Test("A stopped backend cuts its connections; started again it serves on the same port")
    func restart() async throws {
        let backend = try await backend("alpha")
        let caller = caller(backend)
        #expect(await caller.call(2, perSecond: 100).completed == 2)
        await backend.stop()
        #expect(await caller.call(2, perSecond: 100).failed == 2)
        try await backend.start()
        #expect(await caller.call(2, perSecond: 100).completed == 2)
        await caller.close()
        await backend.stop()
    }

    @Test("A call that nobody answers ends at its deadline with a reason")
    func silence() async throws {
        let backend = try await backend("alpha")
        try await backend.behave(.hang)
        let tally = await caller(backend, deadline: .milliseconds(50)).call(1, perSecond: 10)
        #expect(tally.failures == ["INVITE: no final response in time": 1])
        await backend.stop()
    }

    @Test("A refused call is acknowledged and counted by its status (RFC 3261 17.1.1.3)")
    func refusal() async throws {
        let backend = try await backend("alpha")
        try await backend.behave(.refuse(status: 486))
        let caller = caller(backend)
        #expect(await caller.call(1, perSecond: 10).failures == ["INVITE: 486 Refused": 1])
        await caller.close()
        #expect(try await backend.answering().requests[.invite] == 1)
        await backend.stop()
    }

    @Test("OPTIONS over UDP is answered to the port it came from (RFC 3581 4)")
    func datagram() async throws {
        let backend = try await backend("alpha")
        let text = """
            OPTIONS sip:service@voice.example.test SIP/2.0\r
            Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKone;rport\r
            From: <sip:a@voice.example.test>;tag=a\r
            To: <sip:service@voice.example.test>\r
            Call-ID: udp@voice.example.test\r
            CSeq: 1 OPTIONS\r
            Max-Forwards: 70\r
            \r

            """
        let reply = try await UDPExchange.send(ByteBuffer(string: text), host: "127.0.0.1", port: backend.port)
        let answer = try parse(reply)
        #expect(answer.status == 200)
        #expect(answer.topmostVia.received != nil)
        await backend.stop()
    }

    private func backend(_ name: String) async throws -> DemoBackend {
        try await DemoBackend.start(name: name, address: "127.0.0.1", port: FreePort.next(), on: group.next())
    }

    private func caller(_ backend: DemoBackend, deadline: TimeAmount = .seconds(5)) -> DemoCaller {
        var settings = DemoCaller.Settings(port: backend.port, domain: "voice.example.test")
        settings.users = 3
        settings.connections = 2
        settings.hold = .milliseconds(5)
        settings.deadline = deadline
        return DemoCaller(settings: settings, run: "t\(backend.port)", secure: nil, group: group)
    }
}
