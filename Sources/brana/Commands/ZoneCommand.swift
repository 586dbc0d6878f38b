// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana zone`: serving and checking zones.
struct ZoneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zone",
        abstract: "Serve zone files for a rehearsal, or check them.",
        subcommands: [ZoneServeCommand.self, ZoneCheckCommand.self]
    )
}

/// `brana zone serve`: an authoritative server for rehearsals.
struct ZoneServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve zone files over UDP and TCP, taking changed files within a second.",
        discussion: """
            For rehearsal and tests; in production zones belong on nsd or another full name server \
            (deploy/nsd has a configuration). The last four options make trouble on purpose.
            """
    )

    @Argument(help: "Zone files.", completion: .file(extensions: ["zone"])) var files: [String]
    @Option(help: "Address and port to answer on.") var listen = "127.0.0.1:5353"
    @Flag(help: "Print every query.") var queries = false
    @Option(help: "Hold every answer back for so many milliseconds.") var delay = 0
    @Option(help: "Drop this share of the queries, 0 to 1.") var drop = 0.0
    @Option(help: "Answer this share of the queries with SERVFAIL, 0 to 1.") var servfail = 0.0
    @Option(help: "Give every record this TTL, in seconds.") var ttl: UInt32?

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one zone file") }
        guard (0...60_000).contains(delay) else { throw ValidationError("--delay must lie within 0 and 60000") }
        guard (0...1).contains(drop) else { throw ValidationError("--drop must lie within 0 and 1") }
        guard (0...1).contains(servfail) else { throw ValidationError("--servfail must lie within 0 and 1") }
    }

    func run() async throws {
        var options = ZoneProcess.Options(files: files, listen: listen)
        options.showsQueries = queries
        options.delayMilliseconds = delay
        options.dropShare = drop
        options.failureShare = servfail
        options.ttl = ttl
        do {
            try await ZoneProcess.serve(options) { Terminal.say($0) }
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
    }
}

/// `brana zone check`: what is wrong with SIP zones, and what to publish instead.
struct ZoneCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tell what is wrong with the SIP records of zone files, and what to publish instead.",
        discussion: "Exit status 1 when there is an error, with --strict when there is a warning."
    )

    @Argument(help: "Zone files.", completion: .file(extensions: ["zone"])) var files: [String]
    @Flag(help: "Take warnings for errors.") var strict = false
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let findings = ZoneProcess.check(files)
        if json {
            print(try JSONText.encode(findings), terminator: "")
        } else {
            for finding in findings { print(finding.text) }
            if findings.isEmpty { print("\(files.joined(separator: ", ")): ok") }
        }
        if findings.contains(where: { strict || $0.severity == "error" }) { throw ExitCode(1) }
    }
}
