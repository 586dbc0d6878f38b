// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    /// Two nodes that share a name, a key for flow tokens and the servers behind.
    @Suite("A node that stands in for another")
    struct StandInTests {
        static let name = "edge.example.test"

        @Test("PRX-31: recorded names lead to the node, then to its sibling; when the node is killed that one goes on")
        func killed() async throws {
            let directory = try TemporaryDirectory()
            let backend = try await Caller.backends(1)[0]
            let key = directory.file("token.key")
            try Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }).write(to: URL(fileURLWithPath: key))
            var first = try EdgeText(target: "127.0.0.1:\(backend.port);transport=tcp")
            first.edge += ", token_key_file: [\(key)]"
            first.advertise = Self.name
            var sibling = first
            sibling.port = try FreePort.next()
            let nsd = try await NameServer([Self.name: zone(first.port, sibling.port)], in: directory)
            let nodes = [
                try await Brana.run(first.text, in: directory, name: "first"),
                try await Brana.run(sibling.text, in: directory, name: "second"),
            ]
            for node in nodes { try await node.waitUntilUp(1) }

            let call = try await HeldCall.begin(first, domain: "example.test")
            #expect(call.routes.count == 1 && call.routes.allSatisfy { $0.contains("@\(Self.name)") }, "\(call.routes)")
            #expect(try await servers(of: call, nsd, in: directory) == [first.port, sibling.port])
            nodes[0].process.signal(SIGKILL)
            // The key is the same, so its sibling knows the token, though not the connection.
            #expect(try await call.end(at: sibling) == 200)
            #expect(try await backend.answering().requests[.bye] == 1)
            #expect(try await backend.answering().strays == 0)
            await backend.stop()
            #expect(await nodes[1].stop() == 0)
            await nsd.stop()
        }

        @Test("FLW-16, OVL-36: an edge that is killed and started again in its state directory knows its tokens")
        func restarted() async throws {
            let directory = try TemporaryDirectory()
            let backend = try await Caller.backends(1)[0]
            let edge = try EdgeText(target: "127.0.0.1:\(backend.port);transport=tcp")
            let state = ["STATE_DIRECTORY": directory.path]
            let first = try await Brana.run(edge.text, in: directory, name: "first", environment: state)
            try await first.waitUntilUp(1)
            let call = try await HeldCall.begin(edge, domain: "example.test")
            first.process.signal(SIGKILL)
            _ = try await first.process.finish(within: .seconds(5))

            let second = try await Brana.run(edge.text, in: directory, name: "second", environment: state)
            try await second.waitUntilUp(1)
            #expect(try await call.end(at: edge) == 200)
            #expect(try await backend.answering().requests[.bye] == 1)
            let check = try await ChildProcess.run(
                Brana.executable,
                ["check", "--config", second.configuration],
                in: directory,
                environment: state
            )
            #expect(check.status == 0 && !check.output.contains("token.key"), "\(check.output)")
            await backend.stop()
            #expect(await second.stop() == 0)
        }

        private func zone(_ first: Int, _ second: Int) -> String {
            let servers = [(priority: 10, weight: 0, port: first), (priority: 20, weight: 0, port: second)]
            return NameServer.zone(Self.name, naptr: "SIPS+D2T", srv: "_sips._tcp", servers)
        }

        /// The ports of the servers that the host of each recorded URI leads to, in order.
        private func servers(
            of call: HeldCall,
            _ nsd: NameServer,
            in directory: TemporaryDirectory
        ) async throws -> [Int] {
            var ports: [Int] = []
            for route in call.routes {
                let host = route.prefix { $0 != ";" && $0 != ">" }.drop { $0 != "@" }.dropFirst()
                let asked = ["resolve", "sip:\(host)", "--server", "127.0.0.1:\(nsd.port)", "--json"]
                let answer = try await Brana.command(asked, in: directory)
                ports += try JSONText.decode(Resolution.self, from: answer.output).candidates.map(\.port)
            }
            return ports
        }

        private struct Resolution: Decodable {
            struct Candidate: Decodable { let port: Int }
            let candidates: [Candidate]
        }
    }
}
