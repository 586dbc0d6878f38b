// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import TestSupport

/// The distribution's own name servers, on loopback, each with its files in a directory of its own.
struct NameServer {
    let port: UInt16
    let process: ChildProcess
    let directory: TemporaryDirectory

    /// nsd with zones by origin, each from a file.
    static func nsd(_ zones: [(origin: String, file: String)]) async throws -> NameServer {
        let (directory, port) = (try TemporaryDirectory("brana-nsd"), try FreePort.next())
        let served = zones.map { "zone:\n    name: \($0.origin)\n    zonefile: \($0.file)\n" }.joined()
        let text = """
            server:
                ip-address: 127.0.0.1@\(port)
                server-count: 1
                username: ""
                zonesdir: "\(directory.path)"
                database: ""
                pidfile: "\(directory.file("nsd.pid"))"
                xfrdfile: "\(directory.file("xfrd.state"))"
                zonelistfile: "\(directory.file("zone.list"))"
                xfrdir: "\(directory.path)"
                ipv4-edns-size: 1232
            remote-control:
                control-enable: no
            \(served)
            """
        let file = try directory.write(text, to: "nsd.conf")
        let process = try start("nsd", file, in: directory)
        return try await started(
            NameServer(port: UInt16(port), process: process, directory: directory),
            zones[0].origin
        )
    }

    /// unbound, resolving `origin` by the server on `port`.
    ///
    /// - Parameters:
    ///   - children: zones below it that are there too; their NS records lead to a port where nobody listens.
    ///   - anchor: a file with a trust anchor; with it, answers are validated.
    ///   - tls: certificate and key, for a port of DNS over TLS.
    static func unbound(
        _ origin: String,
        behind port: UInt16,
        children: [String] = [],
        anchor: String? = nil,
        tls: (certificate: String, key: String, port: Int)? = nil
    ) async throws -> NameServer {
        let (directory, own) = (try TemporaryDirectory("brana-unbound"), try FreePort.next())
        let secure = tls.map { tls in
            "    interface: 127.0.0.1@\(tls.port)\n    tls-port: \(tls.port)\n"
                + "    tls-service-pem: \"\(tls.certificate)\"\n    tls-service-key: \"\(tls.key)\"\n"
        }
        let stubs = ([origin] + children).map { name in
            "stub-zone:\n    name: \"\(name)\"\n    stub-addr: 127.0.0.1@\(port)\n"
        }
        let trust = anchor.map { "    trust-anchor-file: \"\($0)\"\n" }
        let text = """
            server:
                interface: 127.0.0.1@\(own)
                directory: "\(directory.path)"
                pidfile: "\(directory.file("unbound.pid"))"
                chroot: ""
                username: ""
                use-syslog: no
                num-threads: 1
                so-rcvbuf: 0
                do-not-query-localhost: no
                module-config: "\(anchor == nil ? "" : "validator ")iterator"
                local-zone: "test." nodefault
            \(secure ?? "")\(trust ?? "")
            \(stubs.joined())
            remote-control:
                control-enable: no

            """
        let file = try directory.write(text, to: "unbound.conf")
        let process = try start("unbound", file, in: directory)
        return try await started(NameServer(port: UInt16(own), process: process, directory: directory), origin)
    }

    /// Starts it with signals let through: a process inherits them blocked from the thread that a test runs on.
    private static func start(_ name: String, _ file: String, in directory: TemporaryDirectory) throws -> ChildProcess {
        guard let path = ChildProcess.find(name) else { throw TestSupportError("\(name) is not installed") }
        return try ChildProcess(path, ["-d", "-c", file], in: directory)
    }

    private static func started(_ server: NameServer, _ origin: String) async throws -> NameServer {
        let question = DNSQuestion(DNSName(origin), .soa)
        let query = DNSMessageCodec.query(question, id: 1, withEDNS: true) ?? ByteBuffer()
        let answers = await Waiting.until(within: .seconds(15)) {
            guard server.process.isRunning else { return true }
            // A query that comes before the server is lost; the next one follows soon.
            let answer = try? await UDPExchange.send(
                query,
                host: "127.0.0.1",
                port: Int(server.port),
                within: .milliseconds(100)
            )
            return answer.flatMap(DNSMessageCodec.response)?.answers.isEmpty == false
        }
        guard answers, server.process.isRunning else {
            throw TestSupportError("the name server does not answer; its output:\n\(server.process.log.text)")
        }
        return server
    }

    func stop() async { await process.stop() }
}
