// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import EdgeRuntime
import Foundation
import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Flow tokens over reloads and restarts", .timeLimit(.minutes(1)))
struct TokenKeyTests {
    private let directory: TemporaryDirectory
    private let token = FlowToken(
        flow: FlowID(worker: 1, serial: 7),
        transport: .tls,
        listener: ListenerID(index: 0),
        address: .v4(0xCB00_7107),
        port: 51000
    )

    init() throws { directory = try TemporaryDirectory() }

    /// A file with a key of its own.
    private func key(_ number: Int) throws -> String {
        try directory.write(String(repeating: "k\(number)", count: 32), to: "\(number).key")
    }

    private func edge(_ files: [String]) -> String {
        "edge.example.test, token_key_file: [\(files.joined(separator: ", "))]"
    }

    private func authenticator(_ plane: ControlPlane) async -> TokenAuthenticator {
        await plane.makeSnapshot().proxy.tokens
    }

    private func verdict(_ text: ByteBuffer, _ plane: ControlPlane) async -> FlowToken.Verdict {
        FlowToken.open(text, ByteRange(0, text.readableBytes), by: await authenticator(plane))
    }

    @Test("FLW-16: without a file the key that was drawn stays over reloads, and behind one that is named then")
    func drawn() async throws {
        let bench = try await ReloadBench.start()
        let text = token.sealed(by: await authenticator(bench.edge.plane))
        #expect(try await bench.reload { _ in }.succeeded)
        #expect(await verdict(text, bench.edge.plane) == .valid(token))
        let name = edge([try key(1)])
        #expect(try await bench.reload { $0.name = name }.succeeded)
        #expect(await verdict(text, bench.edge.plane) == .valid(token))
        #expect(token.sealed(by: await authenticator(bench.edge.plane)) != text)
        await bench.stop()
    }

    @Test("FLW-16: after two changes of the key by reload an old token is known, after three it is not")
    func rotation() async throws {
        let first = edge([try key(1)])
        let bench = try await ReloadBench.start { $0.name = first }
        let text = token.sealed(by: await authenticator(bench.edge.plane))
        for number in 2...4 {
            #expect(await verdict(text, bench.edge.plane) == .valid(token))
            let name = edge([try key(number)])
            let report = try await bench.reload { $0.name = name }
            #expect(report.succeeded, "\(report.problems)")
        }
        #expect(await verdict(text, bench.edge.plane) == .forged)
        await bench.stop()
    }

    @Test("FLW-16: a restart knows the tokens of every key that is named, whichever is the current one then")
    func restart() async throws {
        let before = edge([try key(1)])
        let bench = try await ReloadBench.start { $0.name = before }
        let text = token.sealed(by: await authenticator(bench.edge.plane))
        await bench.stop()
        let after = edge([try key(2), try key(1)])
        let again = try await ReloadBench.start { $0.name = after }
        #expect(await verdict(text, again.edge.plane) == .valid(token))
        await again.stop()
        let other = edge([try key(3)])
        let stranger = try await ReloadBench.start { $0.name = other }
        #expect(await verdict(text, stranger.edge.plane) == .forged)
        await stranger.stop()
    }

    @Test("A key that stands twice, and one that is too short, are refused with their line")
    func refused() async throws {
        let bench = try await ReloadBench.start()
        let short = try directory.write("short", to: "short.key")
        for files in [[try key(1), try key(1)], [try key(1), short]] {
            let name = edge(files)
            let report = try await bench.reload { $0.name = name }
            #expect(!report.succeeded && report.problems.contains { $0.contains("token_key_file") })
        }
        await bench.stop()
    }

    // MARK: The state directory

    private func state(isReadOnly: Bool = false) throws -> StateDirectory {
        try #require(StateDirectory(["STATE_DIRECTORY": "\(directory.path):/nowhere"], isReadOnly: isReadOnly))
    }

    /// What a configuration that names no key brings, with a state directory.
    private func load(isReadOnly: Bool = false) throws -> CheckedConfiguration {
        let files = try DemoEdgeFiles(port: 5061, dashboardPort: 0, dnsPort: 5353, log: false)
        return try CheckedConfiguration.load(files.configuration, state: try state(isReadOnly: isReadOnly))
    }

    private func keep(_ length: Int, mode: Int) throws {
        let file = try directory.write(String(repeating: "k", count: length), to: "token.key")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    }

    @Test("FLW-16, OVL-36: the key that is made in the state directory is the owner's alone and outlives restarts")
    func kept() async throws {
        let bench = try await ReloadBench.start(state: try state())
        let text = token.sealed(by: await authenticator(bench.edge.plane))
        let file = directory.file("token.key")
        let key = try #require(FileManager.default.contents(atPath: file))
        #expect(key.count == 32 && Set(key).count > 8)
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        #expect(try await bench.reload { _ in }.succeeded)
        await bench.stop()
        let again = try await ReloadBench.start(state: try state())
        #expect(await verdict(text, again.edge.plane) == .valid(token))
        #expect(token.sealed(by: await authenticator(again.edge.plane)) == text)
        // A file that is named then goes first, and the key goes on behind it until the next restart.
        let name = edge([try self.key(1)])
        #expect(try await again.reload { $0.name = name }.succeeded)
        #expect(token.sealed(by: await authenticator(again.edge.plane)) != text)
        #expect(await verdict(text, again.edge.plane) == .valid(token))
        await again.stop()
        #expect(FileManager.default.contents(atPath: file) == key)
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: directory.path)) == ["token.key", "1.key"])
    }

    @Test("FLW-16: a key in the state directory is judged like one that is named; a check makes none")
    func judged() throws {
        #expect(try load(isReadOnly: true).tokenKeys == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        try keep(31, mode: 0o600)
        #expect { try load() } throws: { "\($0)".contains("token.key must hold 32 random bytes") }
        try keep(32, mode: 0o644)
        let loose = try load()
        #expect(loose.tokenKeys != nil)
        #expect(loose.warnings.contains { $0.message.contains("everybody on this machine can read the key") })
        try keep(32, mode: 0o600)
        #expect(try load(isReadOnly: true).tokenKeys != nil)
        #expect(try load().warnings.allSatisfy { !$0.message.contains("token.key") })
        // A folder cannot be read as a file.
        try FileManager.default.removeItem(atPath: directory.file("token.key"))
        try directory.write("", to: "token.key/file")
        #expect { try load() } throws: { "\($0)".contains("token.key must hold") }
    }

    @Test("FLW-16: where no key can be made, one is drawn as without a state directory, and that is warned of")
    func unmade() throws {
        try FileManager.default.removeItem(atPath: directory.path)
        let checked = try load()
        #expect(checked.tokenKeys == nil)
        #expect(checked.warnings.contains { $0.message.contains("flow tokens will not outlive a restart") })
        #expect(StateDirectory([:]) == nil)
        #expect(StateDirectory(["STATE_DIRECTORY": ""]) == nil)
        #expect(StateDirectory(["STATE_DIRECTORY": "relative"]) == nil)
    }
}
