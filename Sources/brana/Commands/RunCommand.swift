// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeControl

/// `brana run`: the edge in the foreground.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the edge in the foreground.",
        discussion: "SIGHUP reloads the configuration whole or not at all; SIGTERM drains and exits 0."
    )

    @OptionGroup var file: ConfigurationOption
    @Option(
        name: .customLong("tls-key-log"),
        help: ArgumentHelp(
            "Write the secrets of all TLS connections to this file, for Wireshark. Only for debugging.",
            discussion: "Whoever has the file can read all traffic.",
            valueName: "file"
        )
    )
    var keyLog: String?

    func run() async throws {
        do {
            try await EdgeProcess.run(configuration: file.config, keyLogFile: keyLog)
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
    }
}

/// The configuration file that a command works on.
struct ConfigurationOption: ParsableArguments {
    @Option(name: [.short, .long], help: "The configuration file.")
    var config = "/etc/brana/brana.yaml"
}
