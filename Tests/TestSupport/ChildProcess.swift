// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A real process that a test starts: its output goes to a file, it ends at the latest with the last reference to it.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package struct Result: Sendable {
        /// The exit status, or 128 and the signal's number.
        package let status: Int32
        package let output: String
    }

    package let log: LogWatcher
    private let process: Process
    private let name: String

    /// Starts `executable`, a path or a name to be found in PATH and in the system's directories.
    /// - Parameter input: text for its standard input; it gets an empty one when nil.
    package init(
        _ executable: String,
        _ arguments: [String],
        in directory: TemporaryDirectory,
        log name: String? = nil,
        environment: [String: String] = [:],
        input: String? = nil
    ) throws {
        guard let path = Self.find(executable) else {
            throw TestSupportError("\(executable) is not installed; `.ci/packages test` installs what the tests need")
        }
        self.name = (executable as NSString).lastPathComponent
        let log = directory.file(name ?? "\(self.name)-\(UInt32.random(in: 0...UInt32.max)).log")
        guard FileManager.default.createFile(atPath: log, contents: nil),
            let output = FileHandle(forWritingAtPath: log)
        else { throw TestSupportError("cannot write \(log)") }
        try output.seekToEnd()
        self.log = LogWatcher(log)
        process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = output
        process.standardInput =
            try input.map { text in
                let file = try directory.write(text, to: "\(self.name)-\(UInt32.random(in: 0...UInt32.max)).in")
                return FileHandle(forReadingAtPath: file) ?? FileHandle.nullDevice
            } ?? FileHandle.nullDevice
        try Self.withSignalsUnblocked { try process.run() }
    }

    /// A child inherits the mask of the thread that starts it, and the threads of tasks block what daemons listen to.
    private static func withSignalsUnblocked(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    }

    package var identifier: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }

    /// The memory of it that is resident, in bytes.
    package func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(identifier)/statm", encoding: .utf8)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        guard let pages else { throw TestSupportError("/proc/\(identifier)/statm holds \(text)") }
        return pages * Int(getpagesize())
    }

    /// Sends a signal, such as SIGHUP.
    package func signal(_ number: Int32) {
        if process.isRunning { Glibc.kill(process.processIdentifier, number) }
    }

    /// Sends a signal to it and to every process below it: daemons work in children of their own.
    package func signalAll(_ number: Int32) {
        guard process.isRunning else { return }
        for identifier in Self.family(of: process.processIdentifier) { Glibc.kill(identifier, number) }
    }

    private static func family(of identifier: Int32) -> [Int32] {
        let file = "/proc/\(identifier)/task/\(identifier)/children"
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return [identifier] + text.split(separator: " ").compactMap { Int32($0) }.flatMap { family(of: $0) }
    }

    /// Waits until it has ended by itself.
    /// - Throws: `TestSupportError` when it has not within `limit`; it is killed then.
    package func finish(within limit: Duration) async throws -> Result {
        guard await Waiting.until(within: limit, { !self.process.isRunning }) else {
            signal(SIGKILL)
            throw TestSupportError("\(name) has not ended after \(limit); its output ends:\n\(log.text.suffix(1500))")
        }
        let status = process.terminationStatus
        return Result(status: process.terminationReason == .exit ? status : 128 + status, output: log.text)
    }

    /// Ends it: SIGTERM, and SIGKILL when that has not worked within `limit`.
    @discardableResult
    package func stop(within limit: Duration = .seconds(5)) async -> Int32 {
        signal(SIGTERM)
        if await !Waiting.until(within: limit, { !self.process.isRunning }) {
            signal(SIGKILL)
            _ = await Waiting.until(within: .seconds(5)) { !self.process.isRunning }
        }
        guard !process.isRunning else { return -1 }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Runs a command to its end.
    package static func run(
        _ executable: String,
        _ arguments: [String],
        in directory: TemporaryDirectory,
        environment: [String: String] = [:],
        input: String? = nil,
        within limit: Duration = .seconds(20)
    ) async throws -> Result {
        let child = try ChildProcess(executable, arguments, in: directory, environment: environment, input: input)
        return try await child.finish(within: limit)
    }

    /// The path of an executable; nil when it is nowhere.
    package static func find(_ executable: String) -> String? {
        if executable.contains("/") {
            return FileManager.default.isExecutableFile(atPath: executable) ? executable : nil
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let places = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        return places.map { "\($0)/\(executable)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
