// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana tls`: looking at TLS from outside.
struct TLSCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "Look at the TLS of a server.",
        subcommands: [TLSCheckCommand.self]
    )
}

/// `brana tls check`: what a server offers, and whether Brana would accept it as a backend.
struct TLSCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Show what a TLS server offers, and whether Brana would accept it, and why not.",
        discussion: """
            Connects once to see all that the server shows, and again with the verification of pools. TLSA records are \
            judged as if secure SRV records led to HOST, with each setting of a pool's `dane`, where --dnssec says how \
            they are validated. Exit status 0 when Brana would accept the server, 1 when it would not, 2 when nothing \
            could be seen.
            """
    )

    @Argument(help: "The server: HOST, HOST:PORT or [ADDRESS]:PORT; the port is 5061 if there is none.") var target:
        String
    @Option(help: "The name that the certificate must stand for, and the server name to send; default: HOST.") var name:
        String?
    @Option(
        help: "A further name that the certificate may prove, as verify_names of a pool; may be given several times."
    )
    var verifyName: [String] = []
    @Option(help: "PEM: the authorities to verify with; default: the system's.", completion: .file()) var ca: String?
    @Option(help: "PEM: our certificate and its chain, for servers that ask.", completion: .file()) var cert: String?
    @Option(help: "PEM: the key of our certificate.", completion: .file()) var key: String?
    @Flag(help: "Accept wildcards, as a pool with accept_wildcards does.") var acceptWildcards = false
    @Option(help: "The name server to ask for TLSA records, as address or address:port; default: those of resolv.conf.")
    var server: String?
    @Option(help: "What to do about DNSSEC: off, trust-ad (believe the name server) or validate (check signatures).")
    var dnssec = ResolutionReport.DNSSEC.off
    @Option(help: "A file of DS or DNSKEY records to validate from.", completion: .file()) var trustAnchor: String?
    @Option(help: "By which setting of a pool's `dane` to accept or refuse: off, opportunistic or require.")
    var dane = ResolutionReport.DANE.off
    @Option(help: "Seconds for each connection.") var timeout = 5
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard let check = TLSCheck(target: target) else {
            throw ValidationError("the server must be HOST, HOST:PORT or [ADDRESS]:PORT")
        }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together") }
        guard (dnssec == .validate) == (trustAnchor != nil) else {
            throw ValidationError("--dnssec validate and --trust-anchor FILE belong together")
        }
        guard dane == .off || dnssec != .off && check.isNamed else {
            throw ValidationError("--dane needs --dnssec trust-ad or validate, and a server by its name in DNS")
        }
        guard (1...60).contains(timeout) else { throw ValidationError("--timeout must lie within 1 and 60") }
    }

    func run() async throws {
        guard var check = TLSCheck(target: target) else { throw ExitCode(2) }
        if let name { check.name = name }
        check.alternativeNames = verifyName
        check.authorities = ca
        (check.certificate, check.key) = (cert, key)
        check.acceptsWildcards = acceptWildcards
        check.timeout = .seconds(timeout)
        check.lookup = lookup
        let report: TLSCheckReport
        do {
            report = try await check.run()
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(2)
        }
        if json {
            print(try JSONText.encode(report), terminator: "")
        } else {
            for line in report.lines { print(line) }
        }
        if report.exitStatus != 0 { throw ExitCode(report.exitStatus) }
    }

    private var lookup: ResolutionReport.Options {
        var options = ResolutionReport.Options(target: target)
        options.server = server
        options.dnssec = dnssec
        options.trustAnchor = trustAnchor
        options.dane = dane
        return options
    }
}
