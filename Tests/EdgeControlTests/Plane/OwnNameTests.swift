// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeConfiguration
@testable import EdgeControl

@Suite("Names that lead back here, and names that dialogs share", .timeLimit(.minutes(1)))
struct OwnNameTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func listener(_ advertised: String, port: UInt16? = nil) -> ListenerSettings {
        ListenerSettings(
            name: "public",
            address: .v4(0),
            port: 5061,
            transport: .tls,
            advertisedHost: advertised,
            advertisedPort: port
        )
    }

    /// What is wrong with a name that DNS leads to this port of this address.
    private func problem(_ port: UInt16, _ address: IPAddress, host: Set<IPAddress>) throws -> String? {
        let name = try #require(OwnName(listener("edge.example.net")))
        let service = DNSName("_sips._tcp.edge.example.net")
        let node = DNSName("n1.example.net")
        let data: [(DNSQuestion, [DNSRecordData])] = [
            (DNSQuestion(service, .srv), [.srv(SRVData(priority: 1, weight: 1, port: port, target: node))]),
            (DNSQuestion(node, .a), [.address(address)]), (DNSQuestion(node, .aaaa), []),
        ]
        var known: [DNSQuestion: DNSAnswer] = [:]
        for (question, values) in data {
            let records = values.map { DNSRecord(name: question.name, type: question.type, ttl: 60, data: $0) }
            known[question] = DNSAnswer(
                outcome: values.isEmpty ? .noData : .records(records),
                timeToLive: .seconds(60),
                receivedAt: now,
                server: "test"
            )
        }
        let step = TargetResolution(name.target, policy: OwnName.policy).step(known)
        return name.problem(step, hostAddresses: host)
    }

    @Test("TRN-24: the name of a listener leads to its port at an address of this host, or it is told what is wrong")
    func problems() throws {
        let own = IPAddress.v4(0xC633_640A)
        let hidden = IPAddress.v4(0x0A00_0005)
        #expect(try problem(5061, own, host: [own, hidden]) == nil)
        #expect(try problem(5071, own, host: [own]) == "it leads to tls:198.51.100.10:5071, not to tls port 5061")
        let elsewhere = try problem(5061, .v4(0xC000_0201), host: [own])
        #expect(elsewhere == "it leads to 192.0.2.1, which is no address of this host")
        // Behind NAT nobody here knows by what address others come.
        #expect(try problem(5061, own, host: [hidden, .v4(0x7F00_0001)]) == nil)
        let name = try #require(OwnName(listener("edge.example.net")))
        #expect(name.problem(nil, hostAddresses: [own]) == "DNS has no server for it")
    }

    @Test("TRN-24: addresses, and names that DNS is not asked for, are not looked at")
    func notAsked() {
        #expect(OwnName(listener("198.51.100.10")) == nil && OwnName(listener("localhost")) == nil)
    }

    @Test("TRN-24: a name that is astray is a warning once and a metric, until a reload has set it right")
    func warned() async throws {
        let recorder = LogRecorder()
        let edge = try await TestEdge(logger: recorder.logger) { ports in
            let plain = "address: \"127.0.0.1:\(ports.plain)\", transport: tcp"
            return ReloadText().text(ports)
                .replacing(plain, with: "\(plain), advertise: astray.\(TestEdge.domain)")
        }
        let series = ExpositionParser.Series(name: "brana_listener_name_astray", labels: ["listener": "plain"])
        let isTold = try await Waiting.until(within: .seconds(5)) { try await edge.metrics().values[series] == 1 }
        #expect(isTold)
        let told = recorder.lines.filter { $0.contains("a listener's name does not lead back here") }
        #expect(told.count == 1 && told[0].contains("plain"))
        try edge.rewrite(ReloadText().text(edge.ports))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await edge.metrics().values[series] == 0)
        await edge.stop()
    }

    @Test("PRX-84: a dialog that names the whole pool is told to the log, once a pool")
    func sharedName() async throws {
        let recorder = LogRecorder()
        let ports = [try FreePort.next(), try FreePort.next()]
        let edge = try await TestEdge(servers: ports.map { (10, $0) }, logger: recorder.logger) { places in
            ReloadText(target: "sip:\(TestEdge.domain)").text(places)
        }
        var name = NextHopName(host: "other.example.test", port: nil, transport: nil, isSecure: false)
        name.isInDialog = true
        await edge.plane.noteSharedName(name)
        #expect(!recorder.lines.contains { $0.contains("whole pool") })
        name = NextHopName(host: TestEdge.domain, port: nil, transport: .tcp, isSecure: false)
        name.isInDialog = true
        for _ in 0..<3 { await edge.plane.noteSharedName(name) }
        let hints = recorder.lines.filter { $0.contains("a dialog names the whole pool as its next hop") }
        #expect(hints.count == 1 && hints[0].contains("voice"))
        await edge.stop()
    }
}
