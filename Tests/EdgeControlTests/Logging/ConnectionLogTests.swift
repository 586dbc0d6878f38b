// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Lines about connections (TLS-54)")
struct ConnectionLogTests {
    @Test("A flood is cut to so many lines a second, and told in one")
    func flood() {
        let recorder = LogRecorder()
        let log = ConnectionLog(logger: recorder.logger)
        let start = NIODeadline.uptimeNanoseconds(10_000_000_000)
        for _ in 0..<100 { log.write("TLS handshake failed", [("peer", "192.0.2.1:9")], now: start) }
        #expect(recorder.lines.count == ConnectionLog.linesPerSecond)
        log.write("TLS handshake failed", [("peer", "192.0.2.2:9")], now: start + .seconds(1))
        let expected = [
            "lines about connections were left out count=80", "TLS handshake failed peer=192.0.2.2:9",
        ]
        #expect(recorder.lines.suffix(2) == expected[...])
    }
}

@Suite("Bad handshakes by the thousand (TLS-54)", .timeLimit(.minutes(1)))
struct BadHandshakeTests {
    @Test("TLS-54: of 10,000 bad handshakes in four seconds 20 a second are told, and every other one is counted")
    func bounded() {
        let recorder = LogRecorder()
        let log = ConnectionLog(logger: recorder.logger)
        let start = NIODeadline.uptimeNanoseconds(10_000_000_000)
        let (events, seconds) = (10_000, 4)
        for event in 0..<events {
            let now = start + .nanoseconds(Int64(event * seconds) * 1_000_000_000 / Int64(events))
            log.write("TLS handshake failed", [("peer", "192.0.2.1:\(event)")], now: now)
        }
        let told = recorder.lines.count { $0.hasPrefix("TLS handshake failed") }
        #expect(told == seconds * ConnectionLog.linesPerSecond)
        #expect(log.dropped == UInt64(events - told))
        // Each second that ends says what it left out; the last has not ended.
        #expect(recorder.lines.count - told == seconds - 1)
        #expect(recorder.lines.filter { $0.contains("left out") }.allSatisfy { $0.hasSuffix("count=2480") })
    }

    @Test("TLS-54: 300 clients that speak no TLS: each is counted, few are told, and the lines say who and why")
    func real() async throws {
        let recorder = LogRecorder()
        let edge = try await TestEdge(logger: recorder.logger) { ports in
            """
            edge: { name: edge.example.test, workers: 1 }
            listeners:
              - { name: public, address: "127.0.0.1:\(ports.secure)", transport: tls, tls: public }
            tls:
              public: { certificate: \(ports.certificate), key: \(ports.key), verify: false, require: false }
            resolver: { servers: ["127.0.0.1:\(ports.names)"] }
            pools: { voice: { target: "sip:127.0.0.1:9;transport=tcp", allow_loopback: true, health: { probe: none } } }
            routes: [{ pool: voice }]
            limits: { connections_per_source: 1000 }
            admin: { socket: \(ports.socket) }

            """
        }
        let began = ContinuousClock.now
        for _ in 0..<300 {
            let connection = try await edge.connect(to: edge.ports.secure)
            _ = await connection.send(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), branch: "", deadline: .seconds(5))
            await connection.close()
        }
        try await edge.expect("tls_handshake_failures_total", ["side": "client", "reason": "not_tls"], 300)
        let seconds = Int((ContinuousClock.now - began).components.seconds) + 2
        let told = recorder.lines.filter { $0.hasPrefix("TLS handshake failed") }
        #expect(told.count <= seconds * ConnectionLog.linesPerSecond && told.count < 300)
        try await edge.expect("log_connection_lines_dropped_total", [:], Double(300 - told.count))
        let line = told.first ?? ""
        #expect(line.contains("peer=127.0.0.1:") && line.contains("reason=not_tls"), "\(line)")
        #expect(line.contains(#"meaning="what the peer sends is not TLS""#), "\(line)")
        await edge.stop()
    }
}

/// Keeps what is logged.
final class LogRecorder: Sendable {
    private let box = NIOLockedValueBox<[String]>([])

    var lines: [String] { box.withLockedValue { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(recorder: self) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()

        init(recorder: LogRecorder) {
            self.recorder = recorder
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            recorder.box.withLockedValue { $0.append(LogText.line(event.message, event.metadata ?? [:])) }
        }
    }
}
