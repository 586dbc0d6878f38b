// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    @Suite("Connection reuse of an edge with its own servers (RFC 5923)")
    struct ConnectionReuseTests {
        private static func request(_ via: String, hops: Int = 70) -> ByteBuffer {
            let id = UInt64.random(in: .min ... .max)
            let text = """
                OPTIONS sip:service@example.test SIP/2.0\r
                Via: SIP/2.0/TLS \(via);branch=z9hG4bK\(id)\r
                Max-Forwards: \(hops)\r
                From: <sip:somebody@example.test>;tag=1\r
                To: <sip:service@example.test>\r
                Call-ID: \(id)@reuse.test\r
                CSeq: 1 OPTIONS\r
                Content-Length: 0\r
                \r\n
                """
            return ByteBuffer(string: text)
        }

        @Test(
            "TLS-36, V-ALIAS, TLS-42: a server's offer is taken, when it leaves its own port is connected to; never: neither",
            arguments: ["auto", "never"]
        )
        func offers(reuse: String) async throws {
            let certificates = try TestCertificates()
            let leaf = try certificates.leaf("core", names: ["DNS:core.example.test"])
            let profile = TLSProfile(
                certificateChainFile: leaf.chain,
                privateKeyFile: leaf.key,
                trustFile: certificates.authority,
                verify: true,
                require: true
            )
            let backend = try await RecordingBackend.start(answers: true, tls: try TLSContext(serverProfile: profile))
            var edge = try EdgeText(target: "\"sips:127.0.0.1:\(backend.port)\"", certificates: certificates)
            let inner = try FreePort.next()
            let files = "certificate: \(edge.leaf.chain), key: \(edge.leaf.key), ca: \(certificates.authority)"
            edge.profiles["trunk"] = "{ \(files), verify: true, require: true }"
            edge.listeners = [
                "{ name: inner, address: \"127.0.0.1:\(inner)\", transport: tls, tls: trunk, role: inner }"
            ]
            edge.pool = [
                "tls: trunk", "verify_names: [core.example.test]", "health: { probe: none }",
                "connection_reuse: \(reuse)", "first_response_timeout: { other: 4s }",
            ]
            let brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            let server = try await RawClient.connect(edge, port: inner, showing: leaf)
            try await server.send(Self.request("core.example.test:\(backend.port);alias", hops: 0))
            #expect(await Waiting.until(within: .seconds(5)) { server.finals == [200] })

            let client = try await RawClient.connect(edge)
            try await client.send(Self.request("127.0.0.1:9"))
            if reuse == "auto" {
                let came = await Waiting.until(within: .seconds(5)) {
                    server.answers.contains { $0.startLine.hasPrefix("OPTIONS ") }
                }
                #expect(came && backend.byConnection.isEmpty)
                // It leaves without an answer: the request goes to the address itself.
                await server.close()
            }
            #expect(await Waiting.until(within: .seconds(5)) { client.finals == [200] })
            let messages = backend.byConnection.flatMap(\.messages)
            #expect(messages.count == 1 && (reuse == "never" ? server.answers.count == 1 : true))
            #expect(messages.first?.all("via").first?.row.contains(";alias") == (reuse == "auto"))
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }
    }
}
