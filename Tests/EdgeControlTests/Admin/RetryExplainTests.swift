// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import Foundation
import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What brana explain says of retries that a pool has no more of")
struct RetryExplainTests {
    private let now = NIODeadline.uptimeNanoseconds(10_000_000_000_000)
    private let core: ProxyCore

    init() {
        let pool = PoolID(index: 0)
        let backends = (1...2).map { last in
            let endpoint = Endpoint(transport: .tcp, address: .v4(0xC000_0200 + UInt32(last)), port: 5060)
            return BackendView(id: BackendID(pool: pool, endpoint: endpoint), name: "b\(last)", priority: UInt16(last))
        }
        let snapshot = ProxySnapshot(
            generation: 1,
            listeners: [],
            routes: [RouteRule(action: .pool(pool))],
            pools: [PoolView(id: pool, settings: PoolSettings(name: "p"), backends: backends)],
            policies: [ForwardingPolicy()],
            settings: ProxySettings(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil }
        )
        core = ProxyCore(worker: 0, snapshot: snapshot, seed: 1, now: now)
    }

    private static func flow(_ serial: UInt64, _ side: FlowContext.Side) -> FlowContext {
        FlowContext(
            id: FlowID(worker: 0, serial: serial),
            side: side,
            listener: ListenerID(index: 0),
            transport: .tcp,
            remoteAddress: .v4(0xCB00_7107),
            remotePort: 51000,
            remoteText: ByteBuffer(string: "203.0.113.7"),
            token: ByteBuffer()
        )
    }

    private static func message(_ bytes: ByteBuffer) throws -> SIPMessage {
        let outcome = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
        guard case .message(let message) = outcome else { throw TestSupportError("no message") }
        return message
    }

    /// A request that the first backend answers with 503, and the second with 200.
    private func ask(_ callID: String) throws {
        let text =
            "MESSAGE sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK\(callID)\r\nMax-Forwards: 70\r\n"
            + "From: <sip:a@b>;tag=a\r\nTo: <sip:b@c>\r\nCall-ID: \(callID)\r\nCSeq: 1 MESSAGE\r\n"
            + "Content-Length: 0\r\n\r\n"
        core.receive(try Self.message(ByteBuffer(string: text)), on: Self.flow(1, .client), now: now)
        var status: UInt16 = 503
        var actions = core.takeActions()
        while !actions.isEmpty {
            for case .sendToBackend(let target, let attempt?, let bytes) in actions {
                let flow = Self.flow(UInt64(status), .backend(target))
                core.attemptSent(attempt, on: flow.id, now: now)
                let request = try Self.message(bytes)
                let answer = ResponseWriter.response(to: request, status: status, reason: "x", tag: 1, source: nil)
                core.receive(try Self.message(answer), on: flow, now: now)
                status = 200
            }
            actions = core.takeActions()
        }
    }

    private func told(_ callID: String) throws -> ExplainReport.Request {
        let writer = ExplainWriter(
            now: now,
            date: Date(timeIntervalSince1970: 1_000_000),
            startedAt: now - .hours(1),
            limit: 10,
            listenerName: { _ in nil },
            poolName: { _ in nil },
            published: { _, _ in nil }
        )
        let requests = core.explain(callID: ByteBuffer(string: callID))
        let worker = WorkerExplanation(worker: 0, requests: requests, reach: .init())
        return try #require(writer.report(callID: callID, [worker]).requests.first)
    }

    @Test("OVL-64, PRX-58: a 503 after which nobody else was tried is told so, with retry_percent as the cause")
    func spent() throws {
        for number in 1...101 { try ask("c\(number)") }
        let retried = try told("c100")
        #expect(retried.status == 200 && retried.cause == nil && retried.attempts.count == 2)
        #expect(retried.attempts.first?.words.contains("answered 503, tried elsewhere after") == true)
        let spent = try told("c101")
        #expect(spent.status == 500 && spent.reason == "Too Many Retries" && spent.attempts.count == 1)
        #expect(spent.attempts.first?.words.contains("answered 503 after") == true)
        #expect(spent.cause == "its pool had no retry left (retry_percent)")
    }
}
