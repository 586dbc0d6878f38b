// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    @Suite("What one TLS connection can carry at once")
    struct StreamTests {
        private let edge: EdgeText
        private let backend: RecordingBackend
        private let brana: Brana

        init() async throws {
            backend = try await RecordingBackend.start(answers: true)
            var edge = try EdgeText(target: "\"sip:127.0.0.1:\(backend.port);transport=tcp\"")
            edge.pool = ["health: { probe: none }"]
            self.edge = edge
            brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            try await brana.wait(for: "a backend") { $0.backends.count == 1 }
        }

        @Test("MSG-55: a MESSAGE with a body of 60 KB arrives byte by byte, and is answered")
        func large() async throws {
            let client = try await RawClient.connect(edge)
            let body = (0..<61_440).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let message = Self.message(1, body: body)
            try await client.send(message)
            #expect(await Waiting.until(within: .seconds(5)) { client.finals == [200] })
            let received = backend.take()
            #expect(received.messages.count == 1 && !received.hasRest)
            let first = try #require(received.messages.first)
            #expect(Rows(first).body == body && Torture.differences(from: message, in: first) == [])
            try await finish(client)
        }

        @Test("TRN-02: 200 requests in one write are answered each, and reach the backend whole and in their order")
        func pipelined() async throws {
            let client = try await RawClient.connect(edge)
            let requests = (1...200).map { Self.message($0, body: Array("number \($0)".utf8)) }
            try await client.send(requests.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) })
            #expect(await Waiting.until(within: .seconds(10)) { client.finals.count >= 200 })
            #expect(client.finals == Array(repeating: 200, count: 200))
            let received = backend.take()
            #expect(received.messages.count == 200 && !received.hasRest)
            for (request, message) in zip(requests, received.messages) {
                #expect(Torture.differences(from: request, in: message) == [])
            }
            let answered = client.answers.map { $0.all("cseq").first?.value ?? "" }.filter { $0 != "" }
            #expect(Set(answered).count == 200)
            try await finish(client)
        }

        private func finish(_ client: RawClient) async throws {
            await client.close()
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        private static func message(_ number: Int, body: [UInt8]) -> ByteBuffer {
            let head = """
                MESSAGE sip:service@voice.example.test SIP/2.0\r
                Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKstream\(number);rport\r
                Max-Forwards: 70\r
                From: <sip:caller@voice.example.test>;tag=1\r
                To: <sip:service@voice.example.test>\r
                Call-ID: \(number)@stream.test\r
                CSeq: \(number) MESSAGE\r
                Content-Type: application/octet-stream\r
                Content-Length: \(body.count)\r
                \r\n
                """
            return ByteBuffer(bytes: Array(head.utf8) + body)
        }
    }
}
