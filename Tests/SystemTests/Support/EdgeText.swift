// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// The configuration of an edge for a test: a TLS listener, a pool, one route.
struct EdgeText {
    var port: Int
    var certificates: TestCertificates
    var leaf: TestCertificates.Leaf
    var target: String
    var nameServer: Int?
    var verify = false
    var require = false
    /// Further lines of the pool.
    var pool = ["health: { probe: options, interval: 500ms, timeout: 1s, fall: 2, rise: 1 }"]
    /// Further listeners, a line each.
    var listeners: [String] = []
    var edge = "name: edge.example.test, workers: 1, drain_timeout: 2s"
    /// Further sections.
    var rest = "logging: { level: info }"

    /// A certificate for `edge.example.test`, and the standard text around it.
    init(target: String, nameServer: Int? = nil) throws {
        certificates = try TestCertificates()
        leaf = try certificates.leaf("edge", names: ["DNS:edge.example.test", "IP:127.0.0.1"])
        port = try FreePort.next()
        self.target = target
        self.nameServer = nameServer
    }

    var text: String {
        var lines = ["edge: { \(edge) }", "listeners:"]
        lines.append("  - { name: public, address: \"127.0.0.1:\(port)\", transport: tls, tls: public }")
        lines += listeners.map { "  - \($0)" }
        let level = "verify: \(verify), require: \(require)"
        lines.append("tls:")
        lines.append(
            "  public: { certificate: \(leaf.chain), key: \(leaf.key), ca: \(certificates.authority), \(level) }"
        )
        if let nameServer { lines.append("resolver: { servers: [\"127.0.0.1:\(nameServer)\"] }") }
        lines += ["pools:", "  voice:", "    target: \(target)", "    allow_loopback: true"]
        lines += pool.map { "    \($0)" }
        lines += ["routes:", "  - { pool: voice }", rest]
        return lines.joined(separator: "\n")
    }
}
