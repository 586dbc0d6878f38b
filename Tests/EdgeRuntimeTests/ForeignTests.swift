// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import NIOPosix
import SIPMessage
import Telemetry
import TestSupport
import Testing

@Suite("Bytes that are no SIP at a SIP port, over loopback", .timeLimit(.minutes(1)))
struct ForeignTests {
    private static let hello = "\u{16}\u{3}\u{1}\u{0}\u{10}" + String(repeating: "a", count: 16)
    private static let proxy = "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}\0\u{0C}" + String(repeating: "a", count: 12)

    @Test(
        "TRN-09: a ClientHello, HTTP, a PROXY header and other bytes: closed without a reply, each by a counter of its own",
        arguments: [
            (hello, MalformedLabel.tls), ("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", .http),
            ("PROXY TCP4 203.0.113.7 198.51.100.10 51000 5061\r\n", .proxyHeader), (proxy, .proxyHeader),
            ("\u{1}\u{2}\u{3}\u{4}", .framing), ("hello\r\n", .framing), ("\0\0\0\0", .framing),
        ]
    )
    func kinds(text: String, label: MalformedLabel) async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(text + Wire.options("after"))
        #expect(await client.waitUntilClosed())
        #expect(client.text.isEmpty && backend.received.isEmpty)
        let counted = try await bench.count { $0.malformed[label] }
        let all = try await bench.count { $0.malformed.total }
        #expect(counted == 1 && all == 1)
        // No storm in the log either.
        #expect(bench.lines.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }
}
