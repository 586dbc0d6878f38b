// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("A subscription through an edge", .timeLimit(.minutes(1)))
struct DemoSubscriptionTests {
    @Test("FLW-12: the NOTIFY of a backend reaches the subscriber over the connection that the subscriber opened")
    func notify() async throws {
        let bench = try await ReloadBench.start()
        let connection = try await bench.edge.connect(to: bench.edge.ports.secure, securely: true)
        let (address, port) = (connection.localAddress, connection.localPort)
        let text = """
            SUBSCRIBE sip:service@voice.example.test SIP/2.0\r
            Via: SIP/2.0/TLS \(address):\(port);branch=z9hG4bKsubscribe;rport\r
            Max-Forwards: 70\r
            From: <sip:a@voice.example.test>;tag=a\r
            To: <sip:service@voice.example.test>\r
            Call-ID: subscription\r
            CSeq: 1 SUBSCRIBE\r
            Contact: <sip:a@\(address):\(port);transport=tls>\r
            Event: presence\r
            Expires: 60\r
            Content-Length: 0\r
            \r\n
            """
        let reply = await connection.send(ByteBuffer(string: text), branch: "subscribe", deadline: .seconds(5))
        guard case .final(let response) = reply else { throw TestSupportError("\(reply)") }
        #expect(response.status == 200)
        let isAnswered = try await Waiting.until(within: .seconds(5)) {
            try await bench.backend.answering().notified == [200: 1]
        }
        #expect(isAnswered)
        await connection.close()
        await bench.stop()
    }
}
