// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite("What operators install")
    struct DeployTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("systemd takes the unit without a complaint")
        func unit() async throws {
            let source = try String(contentsOfFile: "\(Brana.root)/deploy/systemd/brana.service", encoding: .utf8)
            // The binary is where this test run built it.
            let unit = source.replacing("/usr/bin/brana", with: Brana.executable)
            // Where the key of flow tokens outlives a restart (FLW-16).
            #expect(unit.contains("\nStateDirectory=brana\n"))
            let path = try directory.write(unit, to: "brana.service")
            let result = try await ChildProcess.run("systemd-analyze", ["verify", path], in: directory)
            #expect(result.status == 0 && !result.output.contains("brana.service"), "\(result.output)")
        }

        @Test("nsd takes its configuration, and serves every example zone as brana zone serve does")
        func zones() async throws {
            let source = try String(contentsOfFile: "\(Brana.root)/deploy/nsd/nsd.conf", encoding: .utf8)
            let (nsdPort, ownPort) = (try FreePort.next(), try FreePort.next())
            let text = source.replacing("127.0.0.1@5353", with: "127.0.0.1@\(nsdPort)")
                .replacing("zonesdir: \"zones\"", with: "zonesdir: \"\(Brana.root)/zones\"")
                .replacing("/tmp/brana-nsd", with: directory.file("nsd"))
            let path = try directory.write(text, to: "nsd.conf")
            let check = try await ChildProcess.run("nsd-checkconf", [path], in: directory)
            #expect(check.status == 0, "\(check.output)")

            let nsd = try ChildProcess("nsd", ["-d", "-c", path], in: directory)
            try await nsd.log.wait(for: "nsd started")
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(Brana.root)/zones")
                .filter { $0.hasSuffix(".zone") }.sorted()
            #expect(names.count >= 6)
            let own = try ChildProcess(
                Brana.executable,
                ["zone", "serve"] + names.map { "\(Brana.root)/zones/\($0)" } + ["--listen", "127.0.0.1:\(ownPort)"],
                in: directory
            )
            try await own.log.wait(for: "answering on")
            var compared = 0
            for name in names {
                for (owner, type) in try questions(in: name) {
                    let answers = try await (ask(owner, type, nsdPort), ask(owner, type, ownPort))
                    #expect(answers.0 == answers.1, "\(owner) \(type)")
                    #expect(!answers.0.isEmpty, "\(owner) \(type)")
                    compared += 1
                }
            }
            #expect(compared > 20)
            await nsd.stop()
            #expect(await own.stop() == 0)
        }

        /// Every name and type of a zone, as ldns reads it.
        private func questions(in zone: String) throws -> [(String, String)] {
            let process = Process()
            let pipe = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/ldns-read-zone")
            process.arguments = ["\(Brana.root)/zones/\(zone)"]
            process.standardOutput = pipe
            try process.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            let pairs = text.split(separator: "\n").map { $0.split(separator: "\t") }.filter { $0.count >= 4 }
            let wanted = pairs.filter { ["NAPTR", "SRV", "A", "AAAA", "CNAME"].contains($0[3]) }
            return Set(wanted.map { "\($0[0]) \($0[3])" }).sorted().map { line in
                let parts = line.split(separator: " ")
                return (String(parts[0]), String(parts[1]))
            }
        }

        private func ask(_ owner: String, _ type: String, _ port: Int) async throws -> [Substring] {
            let arguments = ["@127.0.0.1", "-p", "\(port)", "+short", "+tries=2", "+time=2", owner, type]
            let result = try await ChildProcess.run("dig", arguments, in: directory)
            return result.output.split(separator: "\n").sorted()
        }
    }
}
