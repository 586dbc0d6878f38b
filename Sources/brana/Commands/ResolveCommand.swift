// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana resolve`: what RFC 3263 makes of a target, with the same code as the edge.
struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Resolve a SIP URI, an SRV name or a host to its servers (RFC 3263).",
        discussion: """
            Candidates stand in the order in which the edge would try them: by rank of the NAPTR record, then by priority. \
            With --draws, first candidates are drawn from each of these tiers and tested against the exact chances. \
            Exit status 1 when there is no candidate.
            """
    )

    @Argument(help: "What to resolve, such as sip:voice.example.test or _sip._tcp.example.test.") var target: String
    @Option(help: "The name server to ask, as address or address:port; default: those of /etc/resolv.conf.") var server:
        String?
    @Flag(help: "Show the tree of questions and records, what was left out, and why.") var explain = false
    @Option(help: "Draw so many first candidates from each tier and compare with the exact shares.") var draws = 0
    @Option(help: "Transports that may be used, the preferred one first.") var transports = "tls,tcp,udp"
    @Flag(inversion: .prefixedNo, help: "Take loopback addresses, as a pool with allow_loopback does.")
    var allowLoopback = true
    @Option(help: "What to do about DNSSEC: off, trust-ad (believe the server) or validate (check signatures).")
    var dnssec = ResolutionReport.DNSSEC.off
    @Option(help: "A file of DS or DNSKEY records to validate from.", completion: .file()) var trustAnchor: String?
    @Option(help: "What to do about TLSA records: off, opportunistic or require, as a pool's `dane`.")
    var dane = ResolutionReport.DANE.off
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard (0...1_000_000).contains(draws) else { throw ValidationError("--draws must lie within 0 and 1000000") }
        guard (dnssec == .validate) == (trustAnchor != nil) else {
            throw ValidationError("--dnssec validate and --trust-anchor FILE belong together")
        }
        guard dane == .off || dnssec != .off else {
            throw ValidationError(
                "--dane needs --dnssec trust-ad or validate: TLSA records count only where they are secure"
            )
        }
        guard ResolutionReport.transports(transports) != nil else {
            throw ValidationError("--transports must be a list of tls, tcp and udp, such as tls,tcp")
        }
    }

    func run() async throws {
        var options = ResolutionReport.Options(target: target)
        options.server = server
        options.draws = draws
        options.transports = ResolutionReport.transports(transports) ?? options.transports
        options.allowsLoopback = allowLoopback
        options.dnssec = dnssec
        options.trustAnchor = trustAnchor
        options.dane = dane
        let report: ResolutionReport
        do {
            report = try await ResolutionReport.make(options)
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
        if explain { for line in report.tree { print(line) } }
        guard !report.candidates.isEmpty else { return print("\(report.target): \(report.problem ?? "no server")") }
        let rows = report.candidates.map { candidate in
            [
                candidate.transport, candidate.address, "\(candidate.port)", candidate.name, "\(candidate.rank)",
                "\(candidate.priority)", "\(candidate.weight)", Terminal.percent(candidate.probability),
                Terminal.percent(candidate.tierProbability), candidate.drawn.map { Terminal.percent($0) } ?? "",
                candidate.dane ?? "",
            ]
        }
        let header = [
            "transport", "address", "port", "server", "rank", "priority", "weight", "probability", "in its tier",
            draws > 0 ? "drawn" : "", dane == .off ? "" : "must prove",
        ]
        print(Terminal.table(header, rows, numbers: [2, 4, 5, 6, 7, 8, 9]))
        for line in report.verdicts { print(line) }
    }
}

extension ResolutionReport.DNSSEC: ExpressibleByArgument {}
extension ResolutionReport.DANE: ExpressibleByArgument {}
