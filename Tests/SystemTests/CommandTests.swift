// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite("Commands, as operators give them")
    struct CommandTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("brana demo --once --json holds in every step and fails no call")
        func demo() async throws {
            let result = try await Brana.command(["demo", "--once", "--json"], in: directory, within: .seconds(90))
            #expect(result.status == 0, "\(result.output)")
            let start = try #require(result.output.range(of: "\n{")).lowerBound
            let report = try JSONText.decode(DemoReport.self, from: String(result.output[start...]))
            #expect(report.held && report.failed == 0 && report.calls == 1800 && report.reloads == 3)
            #expect(report.backends.map(\.name) == ["b1", "b2", "b3"])
            #expect(report.backends.allSatisfy { $0.health == "up" && $0.priority == 10 && $0.requests > 0 })
            let keys = try #require(
                try JSONSerialization.jsonObject(with: Data(result.output[start...].utf8)) as? [String: Any]
            )
            #expect(Set(keys.keys).isSuperset(of: ["calls", "failed", "backends", "reloads"]))
            let backend = try #require((keys["backends"] as? [[String: Any]])?.first)
            #expect(
                Set(backend.keys) == [
                    "name", "priority", "weight", "expected_share", "share", "requests", "health",
                ]
            )
        }

        @Test("brana demo calls on until it is interrupted, fails no call, and ends with 0")
        func endlessDemo() async throws {
            let demo = try ChildProcess(Brana.executable, ["demo"], in: directory)
            try await demo.log.wait(for: "calling on", within: .seconds(90))
            demo.signal(SIGINT)
            let result = try await demo.finish(within: .seconds(15))
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains(" more calls, 0 failed\n"), "\(result.output)")
        }

        @Test("A rehearsal that is interrupted says so in plain words, and did not hold")
        func interruptedDemo() async throws {
            let demo = try ChildProcess(Brana.executable, ["demo", "--once"], in: directory)
            try await demo.log.wait(for: "all backends up, weights")
            demo.signal(SIGINT)
            let result = try await demo.finish(within: .seconds(15))
            #expect(result.status == 1, "\(result.output)")
            #expect(result.output.hasSuffix("interrupted before the rehearsal had ended; everything is stopped\n"))
            #expect(!result.output.contains("Cancellation") && !result.output.contains("FAILED"), "\(result.output)")
        }

        @Test("An edge starts, tells its state, reloads by signal and by command, refuses a bad file, and ends with 0")
        func life() async throws {
            let backends = try await Caller.backends(1)
            var edge = try EdgeText(target: "127.0.0.1:\(backends[0].port);transport=tcp")
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let check = try await Brana.command(["check", "--config", brana.configuration], in: directory)
            #expect(check.status == 0, "\(check.output)")
            #expect(try await brana.ask("status").output.contains("pool voice"))
            #expect(try await brana.ask("pools").output.contains("tcp:127.0.0.1:\(backends[0].port)"))

            #expect(try await OptionsLoad(edge: edge, domain: "example.test").send(1).servers == ["b1": 1])
            let flows = try await brana.ask("flows", "--limit", "5")
            #expect(flows.output.contains("tcp        127.0.0.1:\(backends[0].port)  ready"), "\(flows.output)")
            #expect(flows.output.contains("backend") && flows.output.contains("voice") && flows.status == 0)
            #expect(try await brana.ask("flows", "--limit=-1").status == 64)

            edge.rest = "logging: { level: info, request_line: \"{method} {status}\" }"
            try brana.rewrite(edge.text)
            brana.process.signal(SIGHUP)
            try await brana.process.log.wait(for: "reloaded")
            #expect(try await brana.ask("reload").status == 0)

            edge.rest = "logging: { level: loud }"
            try brana.rewrite(edge.text)
            let refused = try await brana.ask("reload")
            #expect(refused.status == 1 && refused.output.contains("edge.yaml:"), "\(refused.output)")
            let status = try await brana.status()
            #expect(status.reloads.succeeded == 2 && status.reloads.failed == 1)
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        @Test("What is wrong with a start is told in one line each, with status 1")
        func refusals() async throws {
            let edge = try EdgeText(target: "127.0.0.1:5099;transport=tcp")
            let brana = try await Brana.run(edge.text, in: directory)
            let taken = try directory.write(
                edge.text + "\nadmin: { socket: \(directory.file("second.sock")) }\n",
                to: "second.yaml"
            )
            // The same address again: the kernel would share it between two processes of one user.
            let second = try await Brana.command(["run", "--config", taken], in: directory)
            #expect(second.status == 1 && second.output.contains("in use"), "\(second.output)")
            #expect(await brana.stop() == 0)

            let missing = try await Brana.command(["run", "--config", directory.file("none.yaml")], in: directory)
            #expect(missing.status == 1 && missing.output.contains("none.yaml"), "\(missing.output)")
            let unknown = try await Brana.command(["frobnicate"], in: directory)
            #expect(unknown.status == 64)
            let silent = try await Brana.command(["status", "--socket", directory.file("x.sock")], in: directory)
            #expect(silent.status == 1 && silent.output.contains("x.sock"), "\(silent.output)")
        }

        @Test("brana zone check names each mistake of the broken zone, and passes the sound ones")
        func zoneCheck() async throws {
            let zones = "\(Brana.root)/zones"
            let sound = ["weights", "priorities", "signed", "demo"].map { "\(zones)/\($0).zone" }
            let good = try await Brana.command(["zone", "check"] + sound, in: directory)
            #expect(good.status == 0 && good.output.contains("ok"), "\(good.output)")
            let bad = try await Brana.command(["zone", "check", "\(zones)/broken.zone"], in: directory)
            #expect(bad.status == 1)
            let lines = bad.output.split(separator: "\n").filter { $0.hasPrefix("\(zones)/broken.zone:") }
            #expect(lines.count >= 10 && lines.contains { $0.contains("publish") }, "\(bad.output)")
            let json = try await Brana.command(["zone", "check", "\(zones)/broken.zone", "--json"], in: directory)
            let findings = try JSONText.decode([ZoneReport].self, from: json.output)
            #expect(findings.count == lines.count && findings.allSatisfy { $0.line > 0 })
        }

        @Test("brana zone serve answers what brana resolve asks, and takes a changed file within a second")
        func zones() async throws {
            let port = try FreePort.next()
            let zone = NameServer.zone(
                "live.example.test",
                naptr: "SIP+D2T",
                srv: "_sip._tcp",
                [(10, 60, 5061), (20, 0, 5062)]
            )
            let file = try directory.write(zone, to: "live.zone")
            let server = try ChildProcess(
                Brana.executable,
                ["zone", "serve", file, "--listen", "127.0.0.1:\(port)"],
                in: directory
            )
            try await server.log.wait(for: "answering on")
            let again = ["zone", "serve", file, "--listen", "127.0.0.1:\(port)"]
            let second = try await Brana.command(again, in: directory)
            #expect(second.status == 1 && second.output.filter { $0 == "\n" }.count == 1, "\(second.output)")
            #expect(second.output.hasPrefix("--listen: cannot bind 127.0.0.1:\(port): the address is in use; stop"))
            let resolve = ["resolve", "sip:live.example.test", "--server", "127.0.0.1:\(port)", "--json"]
            let first = try await Brana.command(resolve, in: directory)
            #expect(first.status == 0 && first.output.contains("\"port\" : 5061"), "\(first.output)")
            try directory.write(zone.replacing("5061", with: "5071"), to: "live.zone")
            try await server.log.wait(for: "serving", times: 2, within: .seconds(2))
            #expect(try await Brana.command(resolve, in: directory).output.contains("\"port\" : 5071"))
            let explained = try await Brana.command(
                resolve.dropLast() + ["--explain", "--draws", "100"],
                in: directory
            )
            #expect(explained.output.contains("NAPTR") && explained.output.contains("100.0 %"), "\(explained.output)")
            #expect(await server.stop() == 0)
        }
    }
}
