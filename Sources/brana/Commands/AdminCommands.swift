// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// Where a running edge is spoken to.
struct AdminOption: ParsableArguments {
    @Option(help: "The admin socket of the running edge.")
    var socket = "/run/brana/admin.sock"

    /// What the edge answers; a failure is printed and ends the command with status 1.
    func get(_ path: String) async throws -> AdminClient.Reply { try await ask { try await $0.get(path) } }

    /// What a reply says; one that is none of this version's ends the command with status 1.
    func decode<Value: Decodable>(_ type: Value.Type, _ reply: AdminClient.Reply) throws -> Value {
        guard let value = try? JSONText.decode(type, from: reply.body) else {
            Terminal.error("cannot read the answer of Brana at \(socket); is it of another version?")
            throw ExitCode(1)
        }
        return value
    }

    func post(_ path: String) async throws -> AdminClient.Reply { try await ask { try await $0.post(path) } }

    private func ask(_ question: (AdminClient) async throws -> AdminClient.Reply) async throws -> AdminClient.Reply {
        do {
            return try await question(AdminClient(socket: socket))
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
    }
}

/// `brana status`: the running edge on one page.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show a running edge: pools, backends, shares, health, TTLs, certificates."
    )

    @OptionGroup var admin: AdminOption
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let reply = try await admin.get("/api/v1/status")
        if json { return print(reply.body, terminator: "") }
        let status = try admin.decode(StatusReport.self, reply)
        print(
            "\(status.name): Brana \(status.version), up \(status.uptimeSeconds) s, generation \(status.generation), "
                + "\(status.workers) workers\(status.isDraining ? ", draining" : "")"
        )
        print(
            "\(status.connections) client connections, \(status.transactions) transactions, "
                + "reloads \(status.reloads.succeeded) done \(status.reloads.failed) refused"
        )
        for listener in status.listeners {
            let tls = listener.tls.map { " profile \($0)" } ?? ""
            print("listener \(listener.name): \(listener.transport) \(listener.address)\(tls) (\(listener.role))")
        }
        for certificate in status.certificates {
            let warning = certificate.daysLeft < 14 ? "  <- renew it" : ""
            print(
                "certificate of \(certificate.profile): \(certificate.subject), \(certificate.daysLeft) days left\(warning)"
            )
        }
        print(PoolTable.text(status.pools))
    }
}

/// `brana pools`: the pools alone.
struct PoolsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pools",
        abstract: "Show the pools of a running edge and their backends."
    )

    @OptionGroup var admin: AdminOption
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let reply = try await admin.get("/api/v1/pools")
        if json { return print(reply.body, terminator: "") }
        print(PoolTable.text(try admin.decode([PoolReport].self, reply)))
    }
}

/// Pools as tables.
enum PoolTable {
    static func text(_ pools: [PoolReport]) -> String {
        pools.map { pool in
            let ttl = pool.ttlLeft.map { "TTL left \($0) s" } ?? "fixed address"
            let stale = (pool.isStale ? ", stale" : "") + (pool.isPartial ? ", in part" : "")
            let problems = lines(of: pool).map { "\n  \($0)" }.joined()
            let hasPlans = pool.backends.contains { $0.dane != nil }
            let rows = pool.backends.map { backend in
                [
                    backend.name, backend.id, "\(backend.priority)", "\(backend.weight)",
                    Terminal.percent(backend.expectedShare), Terminal.percent(backend.share), "\(backend.requests)",
                    "\(backend.failures)", backend.health, backend.reason,
                ] + (hasPlans ? [backend.dane ?? ""] : [])
            }
            let header =
                [
                    "server", "backend", "priority", "weight", "expected", "share", "requests", "failures", "health",
                    "reason",
                ] + (hasPlans ? ["must prove"] : [])
            return "\npool \(pool.name): \(pool.target), \(Self.choice(pool)), \(ttl)\(stale)\(problems)\n"
                + Terminal.table(header, rows, numbers: [2, 3, 4, 5, 6, 7])
        }
        .joined(separator: "\n")
    }

    /// What is wrong, each thing once: why DNS gave nothing or not all, then the records.
    private static func lines(of pool: PoolReport) -> [String] {
        ([pool.problem].compactMap(\.self) + pool.notes).reduce(into: []) { lines, line in
            if !lines.contains(line) { lines.append(line) }
        }
    }

    /// What a backend is chosen by, in the words of the configuration.
    private static func choice(_ pool: PoolReport) -> String {
        pool.affinity == "none" ? "balance \(pool.balance)" : "affinity \(pool.affinity)"
    }
}

/// `brana reload`: what SIGHUP does, with its outcome.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Reload the configuration of a running edge, whole or not at all."
    )

    @OptionGroup var admin: AdminOption
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let reply = try await admin.post("/api/v1/reload")
        let report = try admin.decode(ReloadReport.self, reply)
        if json {
            print(reply.body, terminator: "")
        } else {
            for problem in report.problems { print(problem) }
            print(
                report.succeeded
                    ? "reloaded, generation \(report.generation)" : "refused; the running configuration stays"
            )
        }
        if !report.succeeded { throw ExitCode(1) }
    }
}

/// A command on one backend.
protocol BackendCommand: AsyncParsableCommand {
    static var verb: String { get }
    var admin: AdminOption { get }
    var backend: String { get }
}

extension BackendCommand {
    func run() async throws {
        let allowed = backend.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }
        guard allowed else { throw ValidationError("'\(backend)' is no backend; brana pools lists them") }
        let path = backend.replacing("[", with: "%5B").replacing("]", with: "%5D")
        let reply = try await admin.post("/api/v1/backends/\(path)/\(Self.verb)")
        guard reply.status == 200 else {
            Terminal.error(reply.body.trimmingPrefix("\n").description)
            throw ExitCode(1)
        }
        print(reply.body, terminator: "")
    }
}

/// `brana drain`: no new calls for a backend.
struct DrainCommand: BackendCommand {
    static let verb = "drain"
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Give a backend no new calls; those that it has go on, and it is probed as before."
    )
    @OptionGroup var admin: AdminOption
    @Argument(help: "The backend: tcp:192.0.2.1:5060, 192.0.2.1:5060, or its server's name.") var backend: String
}

/// `brana undrain`: ends a drain.
struct UndrainCommand: BackendCommand {
    static let verb = "undrain"
    static let configuration = CommandConfiguration(
        commandName: "undrain",
        abstract: "End the drain of a backend; one that is disabled stays so."
    )
    @OptionGroup var admin: AdminOption
    @Argument(help: "The backend: tcp:192.0.2.1:5060, 192.0.2.1:5060, or its server's name.") var backend: String
}

/// `brana disable`: nothing more for a backend but probes.
struct DisableCommand: BackendCommand {
    static let verb = "disable"
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Give a backend nothing more but probes; requests of its dialogs are refused with 503."
    )
    @OptionGroup var admin: AdminOption
    @Argument(help: "The backend: tcp:192.0.2.1:5060, 192.0.2.1:5060, or its server's name.") var backend: String
}

/// `brana enable`: ends what disable or drain began.
struct EnableCommand: BackendCommand {
    static let verb = "enable"
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Use a disabled or drained backend again."
    )
    @OptionGroup var admin: AdminOption
    @Argument(help: "The backend: tcp:192.0.2.1:5060, 192.0.2.1:5060, or its server's name.") var backend: String
}
