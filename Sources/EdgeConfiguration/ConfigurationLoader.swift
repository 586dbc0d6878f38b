// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// What reading a configuration file gave.
package struct ConfigurationOutcome: Sendable {
    /// The configuration, when it has no error.
    package let configuration: Configuration?
    /// Every problem, in the order of the file.
    package let problems: [ConfigurationProblem]
    /// Where the names of files stand, by path inside the document.
    package let positions: [String: SourcePosition]

    package var errors: [ConfigurationProblem] { problems.filter { $0.severity == .error } }
}

/// Reads configuration files: strictly, whole, and telling everything that is wrong at once.
package enum ConfigurationLoader {
    /// Bytes that a file may have.
    package static let sizeLimit = 1 << 20

    /// Reads the file at `path`.
    ///
    /// With `checksFiles`, every file that it names must be readable.
    package static func load(_ path: String, checksFiles: Bool = true) -> ConfigurationOutcome {
        guard let bytes = FileAccess.read(path, limit: sizeLimit) else {
            let message = "cannot read the configuration: \(FileAccess.reason(path))"
            let problem = ConfigurationProblem(file: path, line: 0, column: 0, message: message)
            return ConfigurationOutcome(configuration: nil, problems: [problem], positions: [:])
        }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        return read(String(decoding: bytes, as: UTF8.self), file: path, folder: folder, checksFiles: checksFiles)
    }

    /// Reads a configuration text; `file` names it in problems.
    package static func read(
        _ text: String,
        file: String,
        folder: String = ".",
        checksFiles: Bool = true
    ) -> ConfigurationOutcome {
        let reader = ConfigurationReader(file: file, folder: folder)
        let configuration = configuration(text, reader, checksFiles: checksFiles)
        let problems = reader.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        let isSound = !problems.contains { $0.severity == .error }
        return ConfigurationOutcome(
            configuration: isSound ? configuration : nil,
            problems: problems,
            positions: reader.positions
        )
    }

    private static func configuration(
        _ text: String,
        _ reader: ConfigurationReader,
        checksFiles: Bool
    ) -> Configuration? {
        // Aliases could blow a small file up without bound, and nothing here needs them.
        if let alias = aliasLine(text) {
            reader.error(nil, "line \(alias): YAML anchors and aliases are not allowed here; write the value out")
            return nil
        }
        do {
            guard let root = try Yams.compose(yaml: text) else {
                reader.error(nil, "the file is empty; see config/minimal.yaml for the least that works")
                return nil
            }
            return SectionReader(reader: reader, checksFiles: checksFiles).read(root)
        } catch {
            noteSyntax(error, reader)
            return nil
        }
    }

    private static func noteSyntax(_ error: any Error, _ reader: ConfigurationReader) {
        guard let yaml = error as? YamlError else { return reader.error(nil, "this is not YAML: \(error)") }
        switch yaml {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            reader.error(line: mark.line, column: mark.column, "this is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let mark = context.mark
            let names = keys.map { "\($0)" }.joined(separator: ", ")
            reader.error(line: mark.line, column: mark.column, "the key '\(names)' stands twice; remove one")
        default:
            reader.error(nil, "this is not YAML: \(yaml)")
        }
    }

    /// The line of the first anchor or alias; nil when there is none.
    private static func aliasLine(_ text: String) -> Int? {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let code = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
            for mark in [": *", ": &", "- *", "- &"] where code.contains(mark) { return index + 1 }
        }
        return nil
    }
}
