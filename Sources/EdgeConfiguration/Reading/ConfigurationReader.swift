// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Reads one YAML document, noting every problem with its place; reading goes on after a problem, so that one run shows
/// all of them.
final class ConfigurationReader {
    let file: String
    /// The folder that relative paths start from.
    let folder: String
    private(set) var problems: [ConfigurationProblem] = []
    /// Where values stand, by path inside the document (`tls.public.certificate`, `listeners.NAME.address`).
    private(set) var positions: [String: SourcePosition] = [:]

    init(file: String, folder: String) {
        self.file = file
        self.folder = folder
    }

    var errorCount: Int { problems.count { $0.severity == .error } }

    func error(_ node: Node?, _ message: String) { note(.error, node, message) }

    func warn(_ node: Node?, _ message: String) { note(.warning, node, message) }

    private func note(_ severity: ConfigurationProblem.Severity, _ node: Node?, _ message: String) {
        problems.append(
            ConfigurationProblem(
                severity: severity,
                file: file,
                line: node?.mark?.line ?? 0,
                column: node?.mark?.column ?? 0,
                message: message
            )
        )
    }

    func append(_ problem: ConfigurationProblem) { problems.append(problem) }

    func remember(_ node: Node?, at path: String) {
        guard let mark = node?.mark else { return }
        positions[path] = SourcePosition(line: mark.line, column: mark.column)
    }

    /// A mapping whose keys are all those of a section; nil, with a problem, for anything else.
    func mapping(_ node: Node, _ path: String, _ section: ConfigurationSection) -> MappingReader? {
        let keys = section.keys
        let place = path.isEmpty ? "the file" : path
        guard case .mapping(let mapping) = node else {
            error(node, "\(place) must be a mapping of keys to values")
            return nil
        }
        var values: [String: Node] = [:]
        remember(node, at: path)
        for (key, value) in mapping {
            guard let name = key.string else {
                error(key, "a key of \(place) must be a word")
                continue
            }
            guard keys.contains(name) else {
                error(key, unknownKey(name, in: path, keys))
                continue
            }
            values[name] = value
            remember(value, at: path.isEmpty ? name : "\(path).\(name)")
        }
        return MappingReader(reader: self, node: node, path: path, values: values)
    }

    private func unknownKey(_ name: String, in path: String, _ keys: [String]) -> String {
        let place = path.isEmpty ? "" : " in \(path)"
        if let nearest = NearestName.among(keys, to: name) {
            return "unknown key '\(name)'\(place); did you mean '\(nearest)'?"
        }
        return "unknown key '\(name)'\(place); known keys: \(keys.joined(separator: ", "))"
    }
}

extension ConfigurationReader {
    /// Notes a problem at a place that no node stands for.
    func error(at place: SourcePosition, _ message: String) {
        append(ConfigurationProblem(file: file, line: place.line, column: place.column, message: message))
    }
}
