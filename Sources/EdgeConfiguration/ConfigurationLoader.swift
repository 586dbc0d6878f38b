// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// What reading a configuration file gave.
package struct ConfigurationOutcome: Sendable {
    /// The configuration, when it has no error.
    package let configuration: Configuration?
    /// Every problem, in the order of the file.
    package let problems: [ConfigurationProblem]
    /// Where values stand, by path inside the document: `tls.public.key`, `listeners.public.address`,
    /// `tls.public.server_names.0.key`.
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
        let bytes: [UInt8]
        do throws(FileAccess.Failure) {
            bytes = try FileAccess.read(path, limit: sizeLimit)
        } catch {
            let advice = "check the path (--config names another) and its permissions"
            return refusal("cannot read the configuration: \(error.reason); \(advice)", file: path)
        }
        if let place = TextDecoding.firstInvalid(bytes) {
            return refusal("this is not UTF-8; save the file in UTF-8", file: path, at: place)
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

    private static func refusal(
        _ message: String,
        file: String,
        at place: SourcePosition? = nil
    ) -> ConfigurationOutcome {
        let problem = ConfigurationProblem(
            file: file,
            line: place?.line ?? 0,
            column: place?.column ?? 0,
            message: message
        )
        return ConfigurationOutcome(configuration: nil, problems: [problem], positions: [:])
    }

    private static func configuration(
        _ text: String,
        _ reader: ConfigurationReader,
        checksFiles: Bool
    ) -> Configuration? {
        if let place = AnchorScan.first(in: text) {
            reader.error(at: place, "YAML anchors and aliases are not allowed here; write the value out, or quote it")
            return nil
        }
        do {
            guard let root = try Yams.compose(yaml: text) else {
                reader.error(nil, "the file is empty; see config/minimal.yaml for the least that works")
                return nil
            }
            return SectionReader(reader: reader, checksFiles: checksFiles, root: root)?.read()
        } catch {
            noteSyntax(error, text, reader)
            return nil
        }
    }

    private static func noteSyntax(_ error: any Error, _ text: String, _ reader: ConfigurationReader) {
        guard let yaml = error as? YamlError else { return reader.error(nil, "this is not YAML: \(error)") }
        switch yaml {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            if problem.hasPrefix("Maximum nesting level") {
                return reader.error(at: SourcePosition(mark), "values are nested too deep here")
            }
            let advice = isTab(at: mark, in: text) ? "; YAML is indented with spaces, never with tabs" : ""
            reader.error(at: SourcePosition(mark), "this is not YAML: \(problem)\(advice)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\($0)'" }.joined(separator: ", ")
            let stands = keys.count == 1 ? "the key \(names) stands" : "the keys \(names) stand"
            reader.error(at: SourcePosition(context.mark), "\(stands) twice in one mapping; remove one")
        case .reader(let problem, let offset, _, _):
            let place = TextDecoding.position(ofByte: offset ?? 0, in: text)
            reader.error(at: place, "this is not YAML: \(problem)")
        default:
            reader.error(nil, "this is not YAML: \(yaml)")
        }
    }

    private static func isTab(at mark: Mark, in text: String) -> Bool {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.indices.contains(mark.line - 1) else { return false }
        return lines[mark.line - 1].dropFirst(mark.column - 1).first == UInt8(ascii: "\t")
    }
}

extension SourcePosition {
    init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}
