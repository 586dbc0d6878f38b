// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOCore
import TestSupport

/// An edge with a listener for clients and one for own servers, both over TLS, and one backend that records.
struct TortureScene {
    /// What came of bytes that a client sent.
    struct Seen {
        let verdict: Torture.Verdict?
        let forwarded: [ByteBuffer]
        let answers: [Rows]
        /// Whether the backend was sent bytes that are no whole message.
        let hasRest: Bool
    }

    private let edge: EdgeText
    private let inner: Int
    private let brana: Brana
    private let backend: RecordingBackend
    private let nameServer: NameServer

    static func start() async throws -> TortureScene {
        let directory = try TemporaryDirectory()
        let backend = try await RecordingBackend.start()
        // Where the Route of one of them leads.
        let domain = "services.example.com"
        let servers = [(priority: 10, weight: 10, port: backend.port)]
        let zone = NameServer.zone(domain, naptr: "SIP+D2T", srv: "_sip._tcp", servers)
        let nameServer = try await NameServer([domain: zone], in: directory)
        var edge = try EdgeText(target: "sip:\(domain)", nameServer: nameServer.port)
        edge.pool = [
            "health: { probe: none }", "first_response_timeout: { invite: 30s, other: 30s }", "tries: 1",
        ]
        let inner = try FreePort.next()
        edge.listeners = ["{ name: inner, address: \"127.0.0.1:\(inner)\", transport: tls, tls: public, role: inner }"]
        let brana = try await Brana.run(edge.text, in: directory)
        try await brana.wait(for: "a backend") { $0.backends.count == 1 }
        return TortureScene(edge: edge, inner: inner, brana: brana, backend: backend, nameServer: nameServer)
    }

    /// Sends bytes over a connection of their own, and tells what came of them.
    func send(_ bytes: ByteBuffer, isTrusted: Bool, awaiting expected: Torture.Verdict) async throws -> Seen {
        let port = isTrusted ? inner : edge.port
        let client = try await RawClient.connect(edge, port: port)
        let watch = try await RawClient.connect(edge, port: port)
        try await client.send(bytes)
        var (forwarded, hasRest) = ([] as [ByteBuffer], false)
        func look() {
            let new = backend.take()
            forwarded += new.messages
            hasRest = new.hasRest
        }
        // A sign of life on another connection, twice: by then the edge has read what came before.
        for _ in 0..<2 {
            guard try await watch.ping() else { throw TestSupportError("the edge is mute") }
        }
        let deadline = ContinuousClock.now + .seconds(3)
        look()
        while ContinuousClock.now < deadline, !Self.isOver(expected, forwarded.count, client.finals.count) {
            try await Task.sleep(for: .milliseconds(5))
            look()
        }
        let (finals, answers) = (client.finals, client.answers)
        await client.close()
        await watch.close()
        let verdict = Self.verdict(forwarded.count, finals, isWaiting: expected == .waits)
        return Seen(verdict: verdict, forwarded: forwarded, answers: answers, hasRest: hasRest)
    }

    private static func isOver(_ expected: Torture.Verdict, _ forwarded: Int, _ finals: Int) -> Bool {
        switch expected {
        case .forwarded(let count): forwarded >= count
        case .answered: finals > 0
        case .dropped, .waits: true
        }
    }

    private static func verdict(_ forwarded: Int, _ finals: [Int], isWaiting: Bool) -> Torture.Verdict? {
        if finals.isEmpty { return forwarded > 0 ? .forwarded(forwarded) : isWaiting ? .waits : .dropped }
        return finals.count == 1 && forwarded == 0 ? .answered(finals[0]) : nil
    }

    func stop() async throws {
        brana.process.signal(9)
        try await backend.stop()
        await nameServer.stop()
    }
}
