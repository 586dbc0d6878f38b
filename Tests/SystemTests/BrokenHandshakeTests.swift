// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// Handshakes that break the protocol, as a fuzzer of TLS holds them.
    @Suite("Handshakes that break the protocol")
    struct BrokenHandshakeTests {
        /// What is sent, the alert that must come back (nil: none is due), and how it is counted.
        private struct Row {
            let what: String
            let bytes: [UInt8]
            let alert: UInt8?
            let reason: String
        }

        private static let hello = RawHello(suites: [0xC02B, 0x1301])

        /// A hello whose message says that it is longer by so many octets than it is.
        private static func misjudged(by difference: Int) -> [UInt8] {
            var message = hello.message
            message[3] = UInt8(truncatingIfNeeded: Int(message[3]) + difference)
            return RawHello.record(22, message)
        }

        private static var twice: RawHello {
            var hello = hello
            // The groups once more.
            hello.extensions = RawHello.field(10, [0, 2, 0, 0x1D])
            return hello
        }

        private static var squeezing: RawHello {
            var hello = hello
            hello.compressions = [1]
            return hello
        }

        private static var old: RawHello {
            var hello = hello
            hello.version = 0x0302
            return hello
        }

        /// Alerts: 10 unexpected_message, 22 record_overflow, 40 handshake_failure, 47 illegal_parameter, 50 decode_error,
        /// 70 protocol_version (RFC 8446 section 6).
        private static let rows: [Row] = [
            Row(
                what: "record of a version 5",
                bytes: RawHello.record(22, hello.message, version: 0x0500),
                alert: nil,
                reason: "not_tls"
            ),
            Row(
                what: "record that is too long",
                bytes: [22, 3, 1, 0x48, 0x01],
                alert: 22,
                reason: "protocol_violation"
            ),
            Row(
                what: "record of no known type",
                bytes: RawHello.record(99, [0, 0, 0, 0]),
                alert: 10,
                reason: "protocol_violation"
            ),
            Row(
                what: "data before the handshake",
                bytes: RawHello.record(23, [1, 2, 3, 4]),
                alert: 10,
                reason: "protocol_violation"
            ),
            Row(
                what: "Finished first",
                bytes: RawHello.record(22, [20, 0, 0, 12] + [UInt8](repeating: 7, count: 12)),
                alert: 10,
                reason: "protocol_violation"
            ),
            Row(
                what: "ServerHello of a client",
                bytes: RawHello.record(22, [2] + hello.message.dropFirst()),
                alert: 10,
                reason: "protocol_violation"
            ),
            Row(what: "hello with a byte too many", bytes: misjudged(by: -1), alert: 50, reason: "protocol_violation"),
            Row(what: "an extension twice", bytes: twice.record, alert: 47, reason: "protocol_violation"),
            Row(
                what: "no compression method but deflate",
                bytes: squeezing.record,
                alert: 50,
                reason: "protocol_violation"
            ),
            Row(what: "no common suite", bytes: RawHello(suites: [0x002F]).record, alert: 40, reason: "parameters"),
            Row(what: "version 1.1", bytes: old.record, alert: 70, reason: "version"),
            Row(what: "an alert first", bytes: RawHello.record(21, [2, 40]), alert: 10, reason: "protocol_violation"),
            Row(what: "HTTP", bytes: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), alert: nil, reason: "not_tls"),
            Row(
                what: "SIP in clear",
                bytes: Array("OPTIONS sip:a@example.test SIP/2.0\r\n\r\n".utf8),
                alert: nil,
                reason: "not_tls"
            ),
        ]

        @Test("OVL-22, TLS-04: each is answered by its alert or by nothing, counted by its reason, and disturbs nobody")
        func rows() async throws {
            let directory = try TemporaryDirectory()
            let backends = try await Caller.backends(1)
            var edge = try EdgeText(target: "\"sip:127.0.0.1:\(backends[0].port);transport=tcp\"")
            edge.rest = "logging: { level: notice }"
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let load = OptionsLoad(edge: edge, domain: "voice.example.test")
            let established = try await load.connect()
            for row in Self.rows {
                let before = try await Self.failures(brana, row.reason)
                let reply = try await RawReply.to(row.bytes, port: edge.port)
                #expect(reply.alert == row.alert && reply.suite == nil && reply.isClosed, "\(row.what): \(reply)")
                let isCounted = try await Waiting.until(within: .seconds(5)) {
                    try await Self.failures(brana, row.reason) == before + 1
                }
                #expect(isCounted, "\(row.what)")
            }
            // Whoever leaves in the middle of it is counted too.
            let before = try await Self.failures(brana, "closed_during_handshake")
            for count in [0, 3, 40] {
                _ = try await RawReply.to(Array(Self.hello.record.prefix(count)), port: edge.port, leaves: true)
            }
            let isCounted = try await Waiting.until(within: .seconds(5)) {
                try await Self.failures(brana, "closed_during_handshake") == before + 3
            }
            #expect(isCounted)
            #expect(await load.times(20, on: established).failures == 0)
            #expect(try await load.send(1) == .init(servers: ["b1": 1]))
            await established.close()
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        @Test("TLS-04: a client that renegotiates is told that it may not, and its connection goes on")
        func renegotiation() async throws {
            let directory = try TemporaryDirectory()
            let edge = try EdgeText(target: "\"sip:127.0.0.1:9;transport=tcp\"")
            let brana = try await Brana.run(edge.text, in: directory)
            let arguments = [
                "s_client", "-connect", "127.0.0.1:\(edge.port)", "-tls1_2", "-CAfile", edge.certificates.authority,
            ]
            let client = try ChildProcess("openssl", arguments, in: directory, input: "R\n")
            #expect(await Waiting.until(within: .seconds(10)) { client.log.text.contains("no renegotiation") })
            await client.stop()
            let raw = try await RawClient.connect(edge)
            #expect(try await raw.ping())
            await raw.close()
            #expect(await brana.stop() == 0)
        }

        @Test("TLS-35: of a message that its client cuts off nothing goes on, with a close_notify or without")
        func truncated() async throws {
            let directory = try TemporaryDirectory()
            let backend = try await RecordingBackend.start(answers: true)
            var edge = try EdgeText(target: "127.0.0.1:\(backend.port);transport=tcp")
            edge.pool = ["health: { probe: none }"]
            let brana = try await Brana.run(edge.text, in: directory)
            let half = """
                MESSAGE sip:a@voice.example.test SIP/2.0\r
                Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKhalf;rport\r
                Max-Forwards: 70\r
                From: <sip:a@example.test>;tag=1\r
                To: <sip:a@voice.example.test>\r
                Call-ID: half@test\r
                CSeq: 1 MESSAGE\r
                Content-Type: text/plain\r
                Content-Length: 100\r
                \r
                half of it
                """
            for isFair in [true, false] {
                let client = try await RawClient.connect(edge)
                #expect(try await client.ping())
                try await client.send(ByteBuffer(string: half))
                if isFair { await client.close() } else { try await client.cut() }
            }
            let isGone = try await Waiting.until(within: .seconds(5)) {
                try await AdminClient(socket: brana.socket).get("/metrics").body
                    .contains("brana_tls_connection_failures_total{side=\"client\",reason=\"truncated\"} 1")
            }
            #expect(isGone)
            let other = try await RawClient.connect(edge)
            #expect(try await other.ping())
            #expect(backend.take().messages.isEmpty)
            await other.close()
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        private static func failures(_ brana: Brana, _ reason: String) async throws -> Int {
            let page = try await AdminClient(socket: brana.socket).get("/metrics").body
            let start = "brana_tls_handshake_failures_total{side=\"client\",reason=\"\(reason)\"} "
            return page.split(separator: "\n").first { $0.hasPrefix(start) }.flatMap { Int($0.dropFirst(start.count)) }
                ?? -1
        }
    }
}
