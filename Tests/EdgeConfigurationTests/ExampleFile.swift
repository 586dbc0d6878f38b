// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration

/// An example configuration in block style, read by its lines: which key stands where, and what its comment says.
struct ExampleFile {
    /// What a comment says of leaving a key out.
    enum Mark: Hashable {
        case standard(String)
        case required
        case none
    }

    struct Key {
        let section: ConfigurationSection
        let name: String
        /// From 0.
        let line: Int
        let indentation: Int
        let mark: Mark?

        var place: String { "\(section.rawValue)/\(name)" }
    }

    private(set) var lines: [String]
    private(set) var keys: [Key] = []

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var path: [(indentation: Int, part: String)] = []
        for (index, line) in lines.enumerated() {
            let (code, comment) = Self.split(line)
            var rest = code.drop { $0 == " " }
            var indentation = code.count - rest.count
            if rest.hasPrefix("- ") {
                path.removeAll { $0.indentation >= indentation }
                path.append((indentation, "[]"))
                rest = rest.dropFirst(2)
                indentation += 2
            }
            guard let colon = rest.firstIndex(of: ":") else { continue }
            path.removeAll { $0.indentation >= indentation }
            let name = String(rest[..<colon])
            if let section = Self.section(path.map(\.part)) {
                let mark = comment.flatMap { Self.mark($0) }
                keys.append(Key(section: section, name: name, line: index, indentation: indentation, mark: mark))
            }
            path.append((indentation, name))
        }
    }

    /// The keys that are the first of their kind, which are those with marks.
    var firstKeys: [Key] {
        var seen: Set<String> = []
        return keys.filter { seen.insert($0.place).inserted }
    }

    /// The text without a key, or with another value for it; every line keeps its number.
    func text(replacing key: Key, with value: String?) -> String {
        var lines = lines
        let start = lines[key.line].prefix(key.indentation)
        let opensEntry = start.hasSuffix("- ")
        lines[key.line] = value.map { "\(start)\(key.name): \($0)" } ?? (opensEntry ? "\(start.dropLast())" : "")
        var next = key.line + 1
        while next < lines.count,
            lines[next].prefix(while: { $0 == " " }).count > key.indentation || lines[next].isEmpty
        {
            lines[next] = ""
            next += 1
        }
        return lines.joined(separator: "\n")
    }

    private static func split(_ line: String) -> (code: Substring, comment: Substring?) {
        if line.drop(while: { $0 == " " }).hasPrefix("#") { return ("", nil) }
        guard let hash = line.firstRange(of: " # ") else { return (line[...], nil) }
        return (line[..<hash.lowerBound], line[hash.upperBound...])
    }

    private static func mark(_ comment: Substring) -> Mark? {
        if comment.hasSuffix("required") { return .required }
        if comment.hasSuffix("no default") { return Mark.none }
        guard let word = comment.ranges(of: "default: ").last else { return nil }
        return .standard(String(comment[word.upperBound...]))
    }

    private static func section(_ path: [String]) -> ConfigurationSection? {
        var path = path
        if path.count > 1, path[0] == "tls" || path[0] == "pools" { path[1] = "*" }
        let place = path.reduce(into: "") { $0 += $1 == "[]" ? "[]" : ($0.isEmpty ? $1 : ".\($1)") }
        return ConfigurationSection(rawValue: place)
    }
}
