// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana flows`: connections to clients and backends.
struct FlowsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract: "Show the connections of a running edge to clients and backends, and its UDP sockets."
    )

    @OptionGroup var admin: AdminOption
    @Option(help: "How many to show at most; which ones of more is left open.") var limit = FlowsReport.standardLimit
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        guard limit >= 0 else { throw ValidationError("--limit is a number of flows, 0 or more") }
        let reply = try await admin.get(FlowsReport.path(limit: limit))
        if json { return print(reply.body, terminator: "") }
        let report = try admin.decode(FlowsReport.self, reply)
        let rows = report.flows.map { flow in
            [
                flow.side, flow.listener ?? flow.pool ?? "-", flow.transport, flow.remote ?? "-", flow.state,
                flow.age.map { "\($0) s" } ?? "-", flow.idle.map { "\($0) s" } ?? "-", "\(flow.bytesIn)",
                "\(flow.bytesOut)", "\(flow.worker)", flow.names.joined(separator: " "),
            ]
        }
        let header = [
            "side", "listener or pool", "transport", "peer", "state", "open", "idle", "bytes in", "bytes out", "worker",
            "proven names",
        ]
        print(Terminal.table(header, rows, numbers: [5, 6, 7, 8, 9]))
        print("\(report.flows.count) of \(report.total)")
    }
}
