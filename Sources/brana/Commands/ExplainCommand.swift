// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl
internal import Foundation

/// `brana explain`: why a call went where it went.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell why the requests with a Call-ID went where they went.",
        discussion: """
            A running edge remembers the latest requests that have ended, as many as limits.remembered_requests says, \
            and knows those that run. Nothing found: status 1.
            """
    )

    @OptionGroup var admin: AdminOption
    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "The Call-ID, as the message writes it.") var callID: String

    func run() async throws {
        guard !callID.isEmpty else { throw ValidationError("a Call-ID is not empty") }
        let reply = try await admin.get(ExplainReport.path(callID: callID))
        guard reply.status == 200 || reply.status == 404 else {
            Terminal.error("the edge answers \(reply.status): \(reply.body)")
            throw ExitCode(1)
        }
        let report = try admin.decode(ExplainReport.self, reply)
        if json {
            print(reply.body, terminator: "")
        } else if let problem = report.problem {
            Terminal.error(problem)
        } else {
            print(report.requests.map(ExplainText.text).joined(separator: "\n\n"))
        }
        if report.problem != nil { throw ExitCode(1) }
    }
}

/// One request as a paragraph and a table.
enum ExplainText {
    static func text(_ request: ExplainReport.Request) -> String {
        var lines = [
            "\(request.method) from \(source(request)) over \(request.transport) at listener \(request.listener), "
                + "\(request.startedAt), worker \(request.worker), generation \(request.generation)",
            "  way: \(way(request))",
        ]
        for (index, attempt) in request.attempts.enumerated() {
            let after = String(format: "%.1f", attempt.afterMilliseconds)
            lines.append("  attempt \(index + 1), at \(after) ms: \(attempt.words)")
        }
        lines.append("  \(end(request))")
        if let candidates = request.candidates {
            lines.append(contentsOf: table(candidates).split(separator: "\n").map { "  \($0)" })
        } else if request.pool != nil {
            lines.append("  the candidates of that time are remembered no longer")
        }
        return lines.joined(separator: "\n")
    }

    private static func source(_ request: ExplainReport.Request) -> String {
        request.source + (request.front.map { ", as \($0) in front says," } ?? "")
    }

    private static func way(_ request: ExplainReport.Request) -> String {
        var parts = [request.way]
        if let pool = request.pool { parts[0] += " to pool \(pool)" + (request.target.map { " (\($0))" } ?? "") }
        if let choice = request.choice { parts.append(choice + (request.affinityKey.map { " \($0)" } ?? "")) }
        if request.isSecure { parts.append("SIPS: over TLS alone") }
        return parts.joined(separator: ", ")
    }

    private static func end(_ request: ExplainReport.Request) -> String {
        let cancelled = request.isCancelled ? ", cancelled by the client" : ""
        guard !request.isRunning else { return "running" + cancelled }
        let time = request.milliseconds.map { String(format: ", after %.1f ms", $0) } ?? ""
        let cause = request.cause.map { "; not tried further: \($0)" } ?? ""
        guard let status = request.status else { return "ended without a final answer\(time)\(cancelled)\(cause)" }
        let reason = request.reason.map { " \($0)" } ?? ""
        return "final: \(status)\(reason), made by the \(request.answeredBy ?? "edge")\(time)\(cancelled)\(cause)"
    }

    private static func table(_ candidates: [ExplainReport.Candidate]) -> String {
        let hasPlans = candidates.contains { $0.dane != nil }
        let rows = candidates.map { candidate in
            [
                candidate.service ?? "-", candidate.name, candidate.backend, "\(candidate.priority)", weight(candidate),
                candidate.state,
                candidate.attempts.map { "\($0)" }.joined(separator: " "),
                candidate.isStale ? "stale" : candidate.ttlLeft.map { "\($0) s" } ?? "-",
                candidate.words,
            ] + (hasPlans ? [candidate.dane ?? ""] : [])
        }
        let header = [
            "SRV record", "candidate", "backend", "priority", "weight", "state", "attempts", "TTL left",
            "at the first choice",
        ]
        return Terminal.table(header + (hasPlans ? ["must prove"] : []), rows, numbers: [3, 4, 7])
    }

    private static func weight(_ candidate: ExplainReport.Candidate) -> String {
        candidate.rampPercent < 100 ? "\(candidate.weight) x \(candidate.rampPercent) %" : "\(candidate.weight)"
    }
}
