// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// The command line.
@main
struct Brana: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "brana",
        abstract: "An edge load balancer for SIP: TLS in front, a live NAPTR and SRV pool behind.",
        version: BranaVersion.text,
        subcommands: [
            RunCommand.self, CheckCommand.self, ResolveCommand.self, TLSCommand.self, ZoneCommand.self,
            DemoCommand.self,
            StatusCommand.self, PoolsCommand.self, FlowsCommand.self, ExplainCommand.self,
            ReloadCommand.self, DrainCommand.self, UndrainCommand.self, DisableCommand.self, EnableCommand.self,
        ]
    )

    static func main() async {
        StandardStream.prepare()
        await main(nil)
    }
}
