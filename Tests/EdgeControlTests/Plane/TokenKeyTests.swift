// SPDX-License-Identifier: Apache-2.0

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
}
