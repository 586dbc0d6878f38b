// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// The configuration of an edge for a test: a TLS listener, a pool, one route.
struct EdgeText {
    var port: Int
    var certificates: TestCertificates
    var leaf: TestCertificates.Leaf
    var target: String
    /// Name servers on this host, the first one first; none: those of the host.
    var nameServers: [Int]
    /// The load balancers in front of the listener, as `proxy_protocol` has them.
    var fronts: String?
    /// What the listener's URIs name instead of its address.
    var advertise: String?
    var verify = false
    var require = false
    /// Further lines of the pool.
    var pool = ["health: { probe: options, interval: 500ms, timeout: 1s, fall: 2, rise: 1 }"]
    /// Further listeners, a line each.
    var listeners: [String] = []
    /// Further TLS profiles by name.
    var profiles: [String: String] = [:]
    var edge = "name: edge.example.test, workers: 1, drain_timeout: 2s"
    /// The routes, a line each.
    var routes = ["{ pool: voice }"]
    /// Further sections.
    var rest = "logging: { level: info }"

    /// A certificate for `edge.example.test`, and the standard text around it.
    init(target: String, nameServer: Int? = nil, certificates: TestCertificates? = nil) throws {
        let certificates = try certificates ?? TestCertificates()
        self.certificates = certificates
        leaf = try certificates.leaf("edge", names: ["DNS:edge.example.test", "IP:127.0.0.1"])
        port = try FreePort.next()
        self.target = target
        nameServers = nameServer.map { [$0] } ?? []
    }

    /// An edge that shows its certificate to the backends, and has a listener for them that wants theirs.
    static func mutual(target: String, nameServer: Int, certificates: TestCertificates) throws -> EdgeText {
        var edge = try EdgeText(target: target, nameServer: nameServer, certificates: certificates)
        let files = "certificate: \(edge.leaf.chain), key: \(edge.leaf.key), ca: \(certificates.authority)"
        edge.profiles["trunk"] = "{ \(files), verify: true, require: true }"
        edge.pool.append("tls: trunk")
        let inner = try FreePort.next()
        edge.listeners = ["{ name: inner, address: \"127.0.0.1:\(inner)\", transport: tls, tls: trunk, role: inner }"]
        return edge
    }

    var text: String {
        var lines = ["edge: { \(edge) }", "listeners:"]
        let fronts = fronts.map { ", proxy_protocol: \($0)" } ?? ""
        let advertise = advertise.map { ", advertise: \($0)" } ?? ""
        let address = "address: \"127.0.0.1:\(port)\"\(advertise)"
        lines.append("  - { name: public, \(address), transport: tls, tls: public\(fronts) }")
        lines += listeners.map { "  - \($0)" }
        let level = "verify: \(verify), require: \(require)"
        lines.append("tls:")
        lines.append(
            "  public: { certificate: \(leaf.chain), key: \(leaf.key), ca: \(certificates.authority), \(level) }"
        )
        lines += profiles.sorted { $0.key < $1.key }.map { "  \($0): \($1)" }
        if !nameServers.isEmpty {
            let servers = nameServers.map { "\"127.0.0.1:\($0)\"" }
            lines.append("resolver: { servers: [\(servers.joined(separator: ", "))] }")
        }
        lines += ["pools:", "  voice:", "    target: \(target)", "    allow_loopback: true"]
        lines += pool.map { "    \($0)" }
        lines += ["routes:"] + routes.map { "  - \($0)" } + [rest]
        return lines.joined(separator: "\n")
    }
}
