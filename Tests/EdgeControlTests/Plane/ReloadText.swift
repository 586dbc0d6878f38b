// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

@testable import EdgeControl

/// The configuration of an edge that a test reloads, part by part.
struct ReloadText: Sendable {
    var name = "edge.example.test"
    var certificate: String?
    var key: String?
    var listeners: [String] = []
    var resolver: Int?
    /// Name servers that are asked before those.
    var earlierResolvers: [Int] = []
    var resolverTimeout = "500ms"
    var dnssec = "off"
    var target = "sip:127.0.0.1:19;transport=tcp"
    /// Further pools, a line each.
    var pools: [String] = []
    var probe = "{ probe: none }"
    var routes = ["{ pool: voice }"]
    var limits = "{}"

    func text(_ ports: TestEdge.Ports) -> String {
        var lines = ["edge: { name: \(name), workers: 2 }", "listeners:"]
        lines.append("  - { name: public, address: \"127.0.0.1:\(ports.secure)\", transport: tls, tls: public }")
        lines.append("  - { name: plain, address: \"127.0.0.1:\(ports.plain)\", transport: tcp }")
        lines += listeners.map { "  - \($0)" }
        let files = "certificate: \(certificate ?? ports.certificate), key: \(key ?? ports.key)"
        lines.append("tls:\n  public: { \(files), verify: false, require: false }")
        let servers = (earlierResolvers + [resolver ?? ports.names]).map { "\"127.0.0.1:\($0)\"" }
        let rules = "timeout: \(resolverTimeout), dnssec: \(dnssec)"
        lines.append("resolver: { servers: [\(servers.joined(separator: ", "))], \(rules) }")
        lines.append("pools:\n  voice: { target: \"\(target)\", allow_loopback: true, health: \(probe) }")
        lines += pools.map { "  \($0)" }
        lines += ["routes:"] + routes.map { "  - \($0)" }
        lines += ["limits: \(limits)", "admin: { socket: \(ports.socket) }"]
        lines.append("logging: { level: critical, stderr: false }\n")
        return lines.joined(separator: "\n")
    }
}

/// A backend, an edge in front of it, and its reloads.
struct ReloadBench: Sendable {
    let backend: DemoBackend
    let edge: TestEdge
    /// What the edge began with.
    let text: ReloadText

    static func start(
        state: StateDirectory? = nil,
        _ change: @Sendable (inout ReloadText) -> Void = { _ in }
    ) async throws -> ReloadBench {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let port = try FreePort.next()
        let backend = try await DemoBackend.start(name: "b1", address: "127.0.0.1", port: port, on: loop)
        var text = ReloadText()
        text.target = "sip:127.0.0.1:\(port);transport=tcp"
        change(&text)
        let edge = try await TestEdge(servers: [(10, port)], state: state) { [text] in text.text($0) }
        return ReloadBench(backend: backend, edge: edge, text: text)
    }

    /// Reloads with another configuration.
    func reload(_ change: (inout ReloadText) -> Void) async throws -> ReloadReport {
        var text = text
        change(&text)
        try edge.rewrite(text.text(edge.ports))
        return await edge.plane.reload()
    }

    func stop() async {
        await edge.stop()
        await backend.stop()
    }
}

extension DemoConnection {
    /// The status that a request outside of any dialog gets, with a body of so many bytes.
    func ask(_ method: String = "OPTIONS", body: Int = 0) async throws -> UInt16 {
        let branch = String(UInt64.random(in: .min ... .max), radix: 36)
        let text = """
            \(method) sip:service@voice.example.test SIP/2.0\r
            Via: SIP/2.0/TCP \(localAddress):\(localPort);branch=z9hG4bK\(branch);rport\r
            Max-Forwards: 70\r
            From: <sip:a@voice.example.test>;tag=\(branch)\r
            To: <sip:service@voice.example.test>\r
            Call-ID: \(branch)\r
            CSeq: 1 \(method)\r
            Content-Length: \(body)\r
            \r\n
            """ + String(repeating: "x", count: body)
        switch await send(ByteBuffer(string: text), branch: branch, deadline: .seconds(5)) {
        case .final(let response): return response.status
        case .timeout: throw TestSupportError("\(method): no final response")
        case .closed: throw TestSupportError("\(method): the connection ended")
        }
    }
}
