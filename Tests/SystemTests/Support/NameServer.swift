// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// Debian's nsd with zones of a test's own.
final class NameServer: Sendable {
    let port: Int
    private let process: ChildProcess
    private let directory: TemporaryDirectory

    /// Starts nsd on 127.0.0.1 with one zone for each origin (without the final dot).
    init(_ zones: [String: String], in directory: TemporaryDirectory) async throws {
        self.directory = directory
        port = try FreePort.next()
        var text = """
            server:
                ip-address: 127.0.0.1@\(port)
                server-count: 1
                username: ""
                zonesdir: "\(directory.path)"
                database: ""
                pidfile: "\(directory.file("nsd.pid"))"
                xfrdfile: "\(directory.file("nsd.xfrd"))"
                zonelistfile: "\(directory.file("nsd.list"))"
            remote-control:
                control-enable: no

            """
        for (origin, zone) in zones.sorted(by: { $0.key < $1.key }) {
            try directory.write(zone, to: "\(origin).zone")
            text += "zone:\n    name: \(origin)\n    zonefile: \(origin).zone\n"
        }
        try directory.write(text, to: "nsd.conf")
        process = try ChildProcess("nsd", ["-d", "-c", directory.file("nsd.conf")], in: directory, log: "nsd.log")
        try await process.log.wait(for: "nsd started")
    }

    /// Changes a zone while nsd runs; its serial is the writer's to raise.
    func change(_ origin: String, to zone: String) throws {
        try directory.write(zone, to: "\(origin).zone")
        process.signal(SIGHUP)
    }

    /// Waits until nsd serves a zone with this serial.
    /// - Returns: the last time at which it surely did not yet.
    func served(_ origin: String, serial: Int) async throws -> ContinuousClock.Instant {
        let deadline = ContinuousClock.now + .seconds(10)
        var before = ContinuousClock.now
        while before < deadline {
            let asked = ContinuousClock.now
            let arguments = ["@127.0.0.1", "-p", "\(port)", "+short", "+tries=1", "+time=1", origin, "SOA"]
            let answer = try await ChildProcess.run("dig", arguments, in: directory)
            if answer.output.split(separator: " ").contains("\(serial)") { return before }
            before = asked
        }
        throw TestSupportError("nsd does not serve serial \(serial) of \(origin)")
    }

    /// Makes it mute: it takes queries and says nothing, until `resume`.
    func pause() { process.signalAll(SIGSTOP) }

    func resume() { process.signalAll(SIGCONT) }

    func stop() async { await process.stop() }

    /// A zone with one NAPTR record and SRV records of one service.
    static func zone(
        _ origin: String,
        naptr service: String,
        srv owner: String,
        _ servers: [(priority: Int, weight: Int, port: Int)],
        ttl: Int = 2,
        absence: Int = 2,
        serial: Int = 1
    ) -> String {
        var lines = [
            "$ORIGIN \(origin).", "$TTL \(ttl)",
            "@ IN SOA ns.\(origin). hostmaster.\(origin). ( \(serial) 3600 600 86400 \(absence) )",
            "@ IN NS ns", "@ IN NAPTR 10 10 \"s\" \"\(service)\" \"\" \(owner)", "ns IN A 127.0.0.1",
        ]
        for (index, server) in servers.enumerated() {
            lines.append("\(owner) IN SRV \(server.priority) \(server.weight) \(server.port) b\(index + 1)")
            lines.append("b\(index + 1) IN A 127.0.0.1")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
