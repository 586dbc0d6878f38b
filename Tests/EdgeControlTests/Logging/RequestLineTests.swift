// SPDX-License-Identifier: Apache-2.0

import BackendPool
import Dispatch
import EdgeConfiguration
import Logging
import NIOConcurrencyHelpers
import NIOCore
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl
@testable import SIPProxy

@Suite("The line of a request")
struct RequestLineTests {
    private static let values: [(RequestLineTemplate.Field, String)] = [
        (.method, "INVITE"), (.requestURI, "sip:bob@voice.example.test"), (.status, "486"), (.origin, "backend"),
        (.pool, "voice"), (.backend, "tcp:192.0.2.1:5060"), (.attempts, "2"), (.durationMilliseconds, "12.3"),
        (.source, "[2001:db8::7]:40001"), (.transport, "tls"), (.callID, "one@client"),
        (.from, "sip:alice@voice.example.test"), (.to, "sip:bob@voice.example.test"), (.peer, "partner.example.test"),
        (.sessionID, "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"),
    ]

    @Test("Each field is what the request, its answer and its way were", arguments: values)
    func field(field: RequestLineTemplate.Field, value: String) throws {
        let template = try RequestLineTemplate("<{\(field.rawValue)}>")
        #expect(RequestLog.line(template, try summary()) == "<\(value)>")
    }

    @Test("Every field has a row in the table above, and the standard line reads as documented")
    func standard() throws {
        #expect(Self.values.map { $0.0 } == RequestLineTemplate.Field.allCases)
        let template = try RequestLineTemplate(RequestLineTemplate.standard)
        let line = RequestLog.line(template, try summary())
        #expect(
            line == "INVITE sip:bob@voice.example.test 486 pool=voice backend=tcp:192.0.2.1:5060 attempts=2 ms=12.3 "
                + "source=[2001:db8::7]:40001 call_id=one@client"
        )
    }

    @Test("OVL-62: Session-ID and Call-ID stand in one line")
    func sessionID() throws {
        let line = RequestLog.line(try RequestLineTemplate("{call_id} {session_id}"), try summary())
        #expect(line == "one@client ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000")
    }

    @Test("OVL-42: whatever a line is made of, credentials are not in it")
    func noCredentials() throws {
        let fields = RequestLineTemplate.Field.allCases.map { "{\($0.rawValue)}" }.joined(separator: " ")
        #expect(!RequestLog.line(try RequestLineTemplate(fields), try summary()).contains("5ec2e7"))
    }

    @Test("A request that nobody answered, or that was answered here, has a dash for what there is not")
    func absent() throws {
        let template = try RequestLineTemplate("{status} {origin} {pool} {backend} {peer}")
        let summary = try summary(status: 0, isLocal: true, backend: nil, pool: nil, names: [])
        #expect(RequestLog.line(template, summary) == "- local - - -")
    }

    @Test("OVL-42: no message forges a line: control characters leave escaped, in every field")
    func forged() throws {
        let template = try RequestLineTemplate("{pool}|{peer}")
        let names = ["evil\u{85}\u{2028}\u{9B}31m"]
        let line = RequestLog.line(template, try summary(pool: "a\r\nb\u{1B}[2J\u{7F}\u{0}", names: names))
        #expect(line == "a\\x0d\\x0ab\\x1b[2J\\x7f\\x00|evil\\x85\\u{2028}\\x9b31m")
        #expect(LogText.line("split\nline", ["reason": "a\tb\n c"]) == "split\\x0aline reason=\"a\\x09b\\x0a c\"")
        #expect(LogText.printable("žluťoučký kůň 🐎") == "žluťoučký kůň 🐎")
    }

    @Test("Lines that wait beyond the limit are dropped and counted, and a line that is turned off is not written")
    func queue() throws {
        let lines = Lines()
        let log = RequestLog(
            logger: Logger(label: "test") { _ in lines },
            template: try RequestLineTemplate("{method}")
        )
        let summary = try summary()
        log.write(summary)
        // The log stands still with the first line in hand.
        lines.entered.wait()
        for _ in 0..<(RequestLog.queueLimit + 5) { log.write(summary) }
        #expect(log.dropped == 5)
        lines.gate.signal()
        log.close()
        #expect(lines.count == RequestLog.queueLimit + 1)
        log.use(nil)
        log.write(summary)
        log.close()
        #expect(lines.count == RequestLog.queueLimit + 1)
    }

    private func summary(
        status: UInt16 = 486,
        isLocal: Bool = false,
        backend: Endpoint? = Endpoint(transport: .tcp, address: .v4(0xC000_0201), port: 5060),
        pool: String? = "voice",
        names: [String] = ["partner.example.test", "other.example.test"]
    ) throws -> RequestSummary {
        let address = try #require(IPAddress(parsing: "2001:db8::7"))
        return RequestSummary(
            status: status,
            isLocal: isLocal,
            backend: backend.map { BackendTarget(endpoint: $0, pool: PoolID(index: 0)) },
            poolName: pool,
            pool: pool.map { _ in PoolID(index: 0) },
            attempts: 2,
            duration: .microseconds(12_345),
            flow: FlowContext(
                id: FlowID(rawValue: 1),
                side: .client,
                listener: ListenerID(index: 0),
                transport: .tls,
                remoteAddress: address,
                remotePort: 40_001,
                remoteText: ByteBuffer(string: "2001:db8::7"),
                token: ByteBuffer(),
                verifiedNames: names
            ),
            request: try request()
        )
    }

    private func request() throws -> SIPMessage {
        let text = """
            INVITE sip:bob@voice.example.test SIP/2.0\r
            Via: SIP/2.0/TLS 192.0.2.9;branch=z9hG4bKone\r
            Max-Forwards: 70\r
            From: "Alice" <sip:alice@voice.example.test>;tag=a\r
            To: <sip:bob@voice.example.test>\r
            Call-ID: one@client\r
            CSeq: 1 INVITE\r
            session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r
            Authorization: Digest username="alice", response="5ec2e7"\r
            Content-Length: 0\r
            \r\n
            """
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .stream, limits: MessageLimits())
        guard case .message(let message) = outcome else { throw TestSupportError("\(outcome)") }
        return message
    }
}

/// A log that counts its lines, and stands still at the first.
private struct Lines: LogHandler {
    let entered = DispatchSemaphore(value: 0)
    let gate = DispatchSemaphore(value: 0)
    private let lines = NIOLockedValueBox(0)
    var logLevel = Logger.Level.trace
    var metadata = Logger.Metadata()

    var count: Int { lines.withLockedValue { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let isFirst = lines.withLockedValue { count in
            count += 1
            return count == 1
        }
        guard isFirst else { return }
        entered.signal()
        gate.wait()
    }
}
