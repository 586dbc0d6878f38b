// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import EdgeConfiguration
internal import EdgeControl

/// `brana check`: everything that is wrong with a configuration.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a configuration, its certificates and how its targets are written.",
        discussion: """
            Prints a line for each problem, as file:line:column: message; exit status 1 when one is an error. No name is \
            asked for in DNS, and nothing is connected to: brana resolve and brana tls check do that.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @Flag(help: "Print JSON.") var json = false

    private struct Finding: Encodable {
        let severity: String
        let file: String
        let line: Int
        let column: Int
        let message: String
    }

    func run() async throws {
        var problems: [ConfigurationProblem]
        do throws(CheckedConfiguration.Refusal) {
            problems = try CheckedConfiguration.load(file.config, state: StateDirectory(isReadOnly: true)).warnings
        } catch {
            problems = error.problems
        }
        let hasErrors = problems.contains { $0.severity == .error }
        if json {
            let findings = problems.map {
                Finding(
                    severity: $0.severity.rawValue,
                    file: $0.file,
                    line: $0.line,
                    column: $0.column,
                    message: $0.message
                )
            }
            print(try JSONText.encode(findings), terminator: "")
        } else {
            for problem in problems { print(problem) }
            if !hasErrors { print("\(file.config): ok") }
        }
        if hasErrors { throw ExitCode(1) }
    }
}
