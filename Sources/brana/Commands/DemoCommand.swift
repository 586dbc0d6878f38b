// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana demo`: the whole edge shown in one process.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show it all in one process: zone server, edge, three backends, callers, dashboard.",
        discussion: """
            Rehearses a reload under load, a backend that dies and returns, and a changed weight in the zone, and says \
            of each whether it held. Everything listens on 127.0.0.1. Exit status 0 only if all held and no call failed.
            """
    )

    @Flag(help: "Rehearse, report and exit; without it calls go on at a low rate until interrupted.")
    var once = false
    @Flag(help: "Print the report as JSON; progress goes to standard error.")
    var json = false
    @Flag(help: "Show the edge's log lines too.")
    var log = false
    @Option(help: "The port of the edge's TLS listener; a free one is taken when it is in use.")
    var port = 25061
    @Option(help: "The port of the dashboard and the API.")
    var dashboardPort = 25080

    func run() async throws {
        let json = json
        let say: @Sendable (String) -> Void = { json ? Terminal.error($0) : Terminal.say($0) }
        var options = DemoStage.Options()
        options.port = port
        options.dashboardPort = dashboardPort
        options.showsLog = log
        let held: Bool
        do {
            held = try await DemoProcess.run(options, once: once, say: say) { report in
                print(json ? try report.json() : "\n" + report.table(), terminator: json ? "\n" : "")
            }
        } catch {
            Terminal.error("the demonstration could not run: \(error)")
            throw ExitCode(1)
        }
        if !held { throw ExitCode(1) }
    }
}
