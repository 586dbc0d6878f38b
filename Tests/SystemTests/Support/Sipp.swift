// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// SIPp, with the scenarios of this folder.
enum Sipp {
    /// What SIPp counted itself, by its names, such as `SuccessfulCall(C)`, and by the counters of a scenario.
    struct Statistics: Sendable {
        let status: Int32
        let values: [String: Int]
        /// The errors that it wrote down, and the end of its output.
        let excerpt: String

        subscript(name: String) -> Int { values["\(name)(C)"] ?? 0 }

        fileprivate init(status: Int32, table: String, errors: String, output: String) {
            self.status = status
            let rows = table.split(separator: "\n").map { $0.split(separator: ";", omittingEmptySubsequences: false) }
            var values: [String: Int] = [:]
            if let names = rows.first, let last = rows.last, rows.count > 1 {
                for (name, value) in zip(names, last) { values[String(name)] = Int(value) }
            }
            self.values = values
            excerpt = "status \(status)\n\(errors.prefix(1500))\n\(output.suffix(1500))"
        }
    }

    /// Where and how often a scenario is run.
    struct Load {
        /// The port of the TCP end of a tunnel.
        var port: Int
        var domain: String
        var calls = 60
        var rate = 60
        /// `t1`: all calls on one connection, `tn`: a connection for each call.
        var transport = "t1"
    }

    /// Makes calls by a scenario, and waits until each has ended.
    static func call(_ scenario: String, _ load: Load, in directory: TemporaryDirectory) async throws -> Statistics {
        let files = Files(directory, name: "sipp-\(scenario.replacing("/", with: "-"))")
        let arguments = [
            "127.0.0.1:\(load.port)", "-t", load.transport, "-max_socket", "\(load.calls + 10)", "-m", "\(load.calls)",
            "-r", "\(load.rate)", "-timeout", "15s", "-timeout_error", "-key", "domain", load.domain,
        ]
        let child = try start(scenario, arguments, files, in: directory)
        return files.statistics(try await child.finish(within: .seconds(20)))
    }

    fileprivate struct Files {
        let directory: TemporaryDirectory
        let name: String

        init(_ directory: TemporaryDirectory, name: String) {
            self.directory = directory
            self.name = name
        }

        func statistics(_ result: ChildProcess.Result) -> Statistics {
            Statistics(
                status: result.status,
                table: directory.read("\(name).csv"),
                errors: directory.read("\(name).err"),
                output: result.output
            )
        }
    }

    fileprivate static func start(
        _ scenario: String,
        _ arguments: [String],
        _ files: Files,
        in directory: TemporaryDirectory
    ) throws -> ChildProcess {
        let common = [
            "-sf", "\(Brana.root)/Tests/SystemTests/Scenarios/\(scenario).xml", "-i", "127.0.0.1", "-nostdin",
            "-trace_stat", "-stf", directory.file("\(files.name).csv"),
            "-trace_err", "-error_file", directory.file("\(files.name).err"),
        ]
        return try ChildProcess(
            "sipp",
            arguments + common,
            in: directory,
            log: "\(files.name).log",
            environment: ["TERM": "xterm"]
        )
    }
}

/// A SIPp that plays a server.
final class SippServer: Sendable {
    let port: Int
    private let process: ChildProcess
    private let name: String
    private let directory: TemporaryDirectory

    /// Starts a server on a port for TCP (`t1`) or UDP (`u1`), by a scenario.
    init(
        _ name: String,
        port: Int,
        transport: String,
        scenario: String = "server",
        in directory: TemporaryDirectory
    ) throws {
        self.port = port
        self.name = "sipp-\(name)"
        self.directory = directory
        let files = Sipp.Files(directory, name: self.name)
        process = try Sipp.start(scenario, ["-t", transport, "-p", "\(port)"], files, in: directory)
    }

    /// Ends it on the spot, with whatever it was doing.
    func kill() async {
        process.signal(SIGKILL)
        _ = await Waiting.until(within: .seconds(5)) { !self.process.isRunning }
    }

    /// Lets it end once its calls have, and gives what it counted.
    func stop() async throws -> Sipp.Statistics {
        process.signal(SIGUSR1)
        return Sipp.Files(directory, name: name).statistics(try await process.finish(within: .seconds(15)))
    }
}
