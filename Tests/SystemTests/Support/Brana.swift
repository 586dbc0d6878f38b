// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport

/// The `brana` binary as operators have it: an edge that runs, or one command.
final class Brana: Sendable {
    /// The binary, built beside the tests.
    static let executable: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        // `swift test` runs the tests from the folder of the products, by way of a helper of the toolchain's.
        let candidates = [own, CommandLine.arguments.first ?? ""] + CommandLine.arguments
        let folders = candidates.map { ($0 as NSString).deletingLastPathComponent }
        let all = folders + ["\(root)/.build/debug", "\(root)/.build/release"]
        return all.map { "\($0)/brana" }.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "brana"
    }()

    /// The repository's root.
    static let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()

    let process: ChildProcess
    let directory: TemporaryDirectory
    let configuration: String
    let socket: String

    /// Starts an edge by a configuration, to which the admin section is added, and waits until it listens.
    static func run(
        _ text: String,
        in directory: TemporaryDirectory,
        name: String = "edge",
        environment: [String: String] = [:]
    ) async throws -> Brana {
        let brana = try Brana(text, in: directory, name: name, environment)
        try await brana.process.log.wait(for: "notice brana: listening", within: .seconds(20))
        return brana
    }

    private init(
        _ text: String,
        in directory: TemporaryDirectory,
        name: String,
        _ environment: [String: String]
    ) throws {
        self.directory = directory
        socket = directory.file("\(name).sock")
        configuration = try directory.write(Self.complete(text, socket: socket), to: "\(name).yaml")
        process = try ChildProcess(
            Self.executable,
            ["run", "--config", configuration],
            in: directory,
            log: "\(name).log",
            environment: environment
        )
    }

    private static func complete(_ text: String, socket: String) -> String {
        text + "\nadmin: { socket: \(socket) }\n"
    }

    /// Replaces the configuration file; the edge does not know yet.
    func rewrite(_ text: String) throws {
        try Data(Self.complete(text, socket: socket).utf8)
            .write(to: URL(fileURLWithPath: configuration), options: .atomic)
    }

    /// Runs a command against this edge.
    func ask(_ arguments: String...) async throws -> ChildProcess.Result {
        try await Self.command(arguments + ["--socket", socket], in: directory)
    }

    /// Runs any command.
    static func command(
        _ arguments: [String],
        in directory: TemporaryDirectory,
        within limit: Duration = .seconds(30)
    ) async throws -> ChildProcess.Result {
        try await ChildProcess.run(executable, arguments, in: directory, within: limit)
    }

    /// What the edge tells of itself, by its admin socket: tests ask often, and a process for each question costs more
    /// than the answer.
    func status() async throws -> StatusReport {
        let reply = try await AdminClient(socket: socket).get("/api/v1/status")
        guard reply.status == 200 else { throw TestSupportError("/api/v1/status: \(reply.status) \(reply.body)") }
        return try JSONText.decode(StatusReport.self, from: reply.body)
    }

    /// Waits until the first pool is as wanted.
    @discardableResult
    func wait(
        within limit: Duration = .seconds(10),
        for what: String,
        _ holds: @escaping @Sendable (PoolReport) -> Bool
    ) async throws -> PoolReport {
        let held = try await Waiting.until(within: limit) {
            try await self.status().pools.first.map(holds) ?? false
        }
        guard held, let pool = try await status().pools.first else {
            let pools = try await ask("pools").output
            throw TestSupportError("no \(what) after \(limit):\n\(pools)\n\(process.log.text.suffix(2000))")
        }
        return pool
    }

    /// Waits until every backend of the first pool is up.
    func waitUntilUp(_ count: Int) async throws {
        try await wait(for: "\(count) backends up") { pool in
            pool.backends.count == count && pool.backends.allSatisfy { $0.health == "up" }
        }
    }

    /// SIGTERM; the exit status.
    func stop() async -> Int32 { await process.stop(within: .seconds(15)) }
}
