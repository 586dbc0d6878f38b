// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite("What commands print, and where nobody reads it")
    struct OutputTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("brana status shows each backend with its share by RFC 2782, the share that it had, and the TTL left")
        func status() async throws {
            let backends = try await Caller.backends(2)
            let servers = zip([60, 20], backends).map { (priority: 10, weight: $0, port: $1.port) }
            let origin = "pool.example.test"
            let zone = NameServer.zone(origin, naptr: "SIP+D2T", srv: "_sip._tcp", servers, ttl: 30, absence: 30)
            let nsd = try await NameServer([origin: zone], in: directory)
            let edge = try EdgeText(target: "sip:\(origin)", nameServer: nsd.port)
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(2)
            let split = try await OptionsLoad(edge: edge, domain: origin).send(40)
            #expect(split.failures == [])

            let text = try await brana.ask("status").output
            #expect(text.hasPrefix("edge.example.test: Brana \(BranaVersion.text), up "), "\(text)")
            #expect(text.contains("listener public: tls 127.0.0.1:\(edge.port) profile public (access)\n"), "\(text)")
            #expect(text.contains("certificate of public: "), "\(text)")
            let title = /pool voice: sip:pool\.example\.test, balance srv, TTL left ([0-9]+) s\n/
            let pool = try #require(text.firstMatch(of: title))
            let left = try #require(Int(pool.1))
            #expect((20...30).contains(left), "\(text)")
            // 60 and 20 of two servers: (w + 1/2) / 81.
            for (index, expected) in ["74.7 %", "25.3 %"].enumerated() {
                let port = backends[index].port
                let line = try #require(text.split(separator: "\n").first { $0.contains("tcp:127.0.0.1:\(port)") })
                let cells = line.split(separator: #/ {2,}/#).map(String.init)
                let had = split.servers["b\(index + 1)"] ?? 0
                let share = String(format: "%.1f %%", Double(had) / 40 * 100)
                let weight = ["60", "20"][index]
                let wanted = ["10", weight, expected, share, "\(had)", "0", "up"]
                #expect(cells.count >= 9 && Array(cells[2..<9]) == wanted, "\(text)")
                #expect(cells[0] == "b\(index + 1).\(origin)")
            }
            #expect(try await brana.ask("pools").output.contains("TTL left"))
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
            await nsd.stop()
        }

        @Test("brana check --json gives each problem as data, with status 1 when one is an error")
        func check() async throws {
            struct Finding: Decodable, Equatable {
                let severity: String
                let file: String
                let line: Int
                let column: Int
                let message: String
            }
            var edge = try EdgeText(target: "127.0.0.1:19;transport=tcp")
            edge.rest = "limits: { conections: 1 }"
            let file = try directory.write(edge.text, to: "edge.yaml")
            let bad = try await Brana.command(["check", "--config", file, "--json"], in: directory)
            #expect(bad.status == 1)
            let findings = try JSONText.decode([Finding].self, from: bad.output)
            let errors = findings.filter { $0.severity == "error" }
            let line = edge.text.split(separator: "\n").count
            let message = "unknown key 'conections' in limits; did you mean 'connections'?"
            #expect(errors == [.init(severity: "error", file: file, line: line, column: 11, message: message)])
            let text = try await Brana.command(["check", "--config", file], in: directory)
            #expect(text.status == 1 && text.output.contains("\(file):\(line):11: \(message)\n"), "\(text.output)")
            #expect(!text.output.contains(": ok"))
        }

        @Test(
            "Standard error that is full, or that nobody reads, does not end an edge",
            arguments: [
                "2>/dev/full", "2> >(exit 0)", "2>&-",
            ]
        )
        func deafness(redirection: String) async throws {
            let backends = try await Caller.backends(1)
            let edge = try EdgeText(target: "127.0.0.1:\(backends[0].port);transport=tcp")
            let socket = directory.file("edge.sock")
            let file = try directory.write(edge.text + "\nadmin: { socket: \(socket) }\n", to: "edge.yaml")
            let command = "exec '\(Brana.executable)' run --config '\(file)' \(redirection)"
            let process = try ChildProcess("bash", ["-c", command], in: directory)
            let isReady = try await Waiting.until(within: .seconds(10)) {
                try await Brana.command(["status", "--socket", socket], in: directory).output.contains("  up")
            }
            #expect(isReady)
            // Each request and each reload has a line in the log.
            let load = OptionsLoad(edge: edge, domain: "voice.example.test")
            #expect(try await load.send(20) == .init(servers: ["b1": 20]))
            for _ in 0..<2 {
                #expect(try await Brana.command(["reload", "--socket", socket], in: directory).status == 0)
            }
            #expect(try await load.send(20) == .init(servers: ["b1": 20]))
            #expect(process.isRunning)
            #expect(await process.stop(within: .seconds(15)) == 0)
            await backends[0].stop()
        }

        @Test("A command whose output nobody reads ends by itself, with its own status")
        func brokenPipe() async throws {
            let zone = "\(Brana.root)/zones/broken.zone"
            for redirection in ["> >(exit 0)", ">/dev/full", ">&-"] {
                let command = "'\(Brana.executable)' zone check '\(zone)' \(redirection); exit $?"
                let result = try await ChildProcess.run("bash", ["-c", command], in: directory)
                #expect(result.status == 1, "\(redirection): \(result.status) \(result.output)")
            }
        }
    }
}
