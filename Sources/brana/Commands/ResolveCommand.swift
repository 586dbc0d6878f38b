// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana resolve`: what RFC 3263 makes of a target, with the same code as the edge.
struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Resolve a SIP URI, an SRV name or a host to its servers (RFC 3263)."
    )

    @Argument(help: "What to resolve, such as sip:voice.example.test or _sip._tcp.example.test.") var target: String
    @Option(help: "The name server to ask, as address or address:port; default: those of /etc/resolv.conf.") var server:
        String?
    @Flag(help: "Show every question and its answer.") var explain = false
    @Option(help: "Draw a first candidate so many times and compare with the exact shares.") var draws = 0
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let report: ResolutionReport
        do {
            report = try await ResolutionReport.make(
                target: target,
                server: server,
                draws: max(0, min(draws, 1_000_000))
            )
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        if json {
            print(try JSONText.encode(report), terminator: "")
        } else {
            printText(report)
        }
        if report.candidates.isEmpty { throw ExitCode(1) }
    }

    private func printText(_ report: ResolutionReport) {
        if explain {
            for query in report.queries {
                print(
                    "\(query.question): \(query.outcome) (TTL left \(query.ttlLeft) s, from \(query.server)\(query.isStale ? ", stale" : ""))"
                )
                for record in query.records { print("    \(record)") }
            }
            for note in report.notes { print("left out: \(note)") }
        }
        guard !report.candidates.isEmpty else { return print("\(report.target): \(report.problem ?? "no server")") }
        let rows = report.candidates.map { candidate in
            [
                candidate.transport, candidate.address, "\(candidate.port)", candidate.name, "\(candidate.priority)",
                "\(candidate.weight)", Terminal.percent(candidate.probability),
                candidate.drawn.map { Terminal.percent($0) } ?? "",
            ]
        }
        let header = [
            "transport", "address", "port", "server", "priority", "weight", "probability", draws > 0 ? "drawn" : "",
        ]
        print(Terminal.table(header, rows, numbers: [2, 4, 5, 6, 7]))
    }
}
