// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import NIOCore
internal import Synchronization

/// The files of the demonstration's edge, in a directory of their own: configuration, certificate and key.
final class DemoEdgeFiles: Sendable {
    let configuration: String
    private let directory: String
    private let certificate: String
    private let text: @Sendable (_ round: Int) -> String
    private let round = Atomic<Int>(0)

    static let hostName = "edge.demo.test"

    init(port: Int, dashboardPort: Int, dnsPort: Int, log: Bool) throws {
        let root = FileManager.default.temporaryDirectory
            .appendingPathComponent("brana-demo-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(
            atPath: root,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        directory = root
        configuration = "\(root)/brana.yaml"
        certificate = "\(root)/edge.pem"
        guard let pair = SelfSignedCertificate(name: Self.hostName, days: 7) else {
            throw DemoStage.Failure(description: "OpenSSL could not make a certificate")
        }
        text = { round in
            Self.text(
                root: root,
                ports: (port, dashboardPort, dnsPort),
                level: log ? "info" : "error",
                interval: 1000 + round
            )
        }
        try Self.write(pair.certificate, to: certificate)
        try Self.write(pair.key, to: "\(root)/edge.key")
        try Self.write(text(0), to: configuration)
    }

    /// The configuration with another probe interval, so that a reload has something to adopt.
    func rewrite() throws {
        try Self.write(text(round.add(1, ordering: .relaxed).newValue), to: configuration)
    }

    /// TLS as the callers use it: they trust the demonstration's certificate alone and check its name.
    func callerTLS() throws -> DemoConnection.Secure {
        let context = try TLSContext(clientProfile: TLSProfile(trustFile: certificate))
        return { pipeline in
            let role = TLSRole.client(
                serverName: Self.hostName,
                identity: .verify(domain: Self.hostName, acceptsWildcards: false),
                sessionScope: "demo"
            )
            try pipeline.addHandler(TLSHandler(context: context, role: role, handshakeDeadline: .seconds(5)))
        }
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    private static func text(
        root: String,
        ports: (edge: Int, dashboard: Int, dns: Int),
        level: String,
        interval: Int
    ) -> String {
        """
        edge: { name: \(hostName), workers: 1, drain_timeout: 2s }
        listeners:
          - { name: public, address: "127.0.0.1:\(ports.edge)", transport: tls, tls: public }
        tls:
          public: { certificate: \(root)/edge.pem, key: \(root)/edge.key, verify: false, require: false }
        resolver: { servers: ["127.0.0.1:\(ports.dns)"] }
        pools:
          voice:
            target: sip:\(DemoZone.domain)
            allow_loopback: true
            slow_start: 0s
            health: { probe: options, interval: \(interval)ms, timeout: 1s, fall: 2, rise: 1 }
        routes:
          - { pool: voice }
        admin: { socket: \(root)/admin.sock, http: "127.0.0.1:\(ports.dashboard)" }
        logging: { level: \(level) }

        """
    }
}
