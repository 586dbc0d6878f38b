// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// The values of one mapping, read by name and type; a wrong value is noted and its default stands.
struct MappingReader {
    let reader: ConfigurationReader
    let node: Node
    let path: String
    let values: [String: Node]

    subscript(key: String) -> Node? { values[key] }

    func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func string(_ key: String) -> String? {
        guard let value = values[key] else { return nil }
        guard let text = Self.text(value) else {
            reader.error(value, "\(path(key)) must be a text")
            return nil
        }
        return text
    }

    /// A scalar that is neither empty nor null.
    static func text(_ node: Node) -> String? {
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty, node.null == nil else { return nil }
        return scalar.string
    }

    /// A text that must be there.
    func required(_ key: String) -> String? {
        if values[key] == nil { reader.error(node, "\(path.isEmpty ? "the file" : path) needs '\(key)'") }
        return string(key)
    }

    func bool(_ key: String, _ target: inout Bool) {
        guard let value = values[key] else { return }
        guard let flag = value.bool else { return reader.error(value, "\(path(key)) must be true or false") }
        target = flag
    }

    func integer(_ key: String, in range: ClosedRange<Int>, _ target: inout Int) {
        guard let value = values[key] else { return }
        guard let number = value.int, range.contains(number) else {
            return reader.error(
                value,
                "\(path(key)) must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        target = number
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, _ target: inout Choice)
    where Choice.RawValue == String {
        guard let value = values[key] else { return }
        guard let text = value.string, let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            return reader.error(value, "\(path(key)) must be one of: \(words)")
        }
        target = choice
    }

    /// A time with its unit: `500ms`, `5s`, `2m`, `1h`.
    func duration(_ key: String, in range: ClosedRange<Duration>, _ target: inout Duration) {
        guard let value = values[key] else { return }
        guard let text = value.string, let duration = Self.duration(text) else {
            return reader.error(value, "\(path(key)) must be a time with its unit, such as 500ms, 5s, 2m or 1h")
        }
        guard range.contains(duration) else {
            let (from, to) = (Self.words(range.lowerBound), Self.words(range.upperBound))
            return reader.error(value, "\(path(key)) must be from \(from) to \(to)")
        }
        target = duration
    }

    static func duration(_ text: String) -> Duration? {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        if text == "0" { return .zero }
        for (suffix, milliseconds) in units where text.hasSuffix(suffix) {
            guard let number = count(text.dropLast(suffix.count)) else { continue }
            return .milliseconds(Int64(number) * milliseconds)
        }
        return nil
    }

    /// A time as a configuration has it, in the largest unit that keeps it whole.
    static func words(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        let units: [(String, Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        let unit = units.first { milliseconds >= $0.1 && milliseconds % $0.1 == 0 }
        return milliseconds == 0 ? "0s" : "\(milliseconds / (unit?.1 ?? 1))\(unit?.0 ?? "ms")"
    }

    /// A number of up to nine digits and nothing else.
    static func count(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 9, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// A size with its unit: `1024`, `256KiB`, `1MiB`.
    func size(_ key: String, in range: ClosedRange<Int>, _ target: inout Int) {
        guard let value = values[key] else { return }
        let number = value.string.flatMap { Self.size($0) }
        guard let number, range.contains(number) else {
            return reader.error(
                value,
                "\(path(key)) must be a size from \(range.lowerBound) to \(range.upperBound) bytes, such as 256KiB"
            )
        }
        target = number
    }

    static func size(_ text: String) -> Int? {
        for (suffix, factor) in [("KiB", 1024), ("MiB", 1 << 20)] where text.hasSuffix(suffix) {
            return count(text.dropLast(suffix.count)).map { $0 * factor }
        }
        return count(text[...])
    }

    /// The name of a file, made absolute; it must be readable.
    func filePath(_ key: String, checks: Bool) -> String? {
        guard let text = string(key), let node = values[key] else { return nil }
        return absolute(text, node, key, checks: checks)
    }

    /// The names of files, likewise; a single one counts as a list of one.
    func filePaths(_ key: String, checks: Bool) -> [String] {
        strings(key).map { absolute($0.text, $0.node, key, checks: checks) }
    }

    private func absolute(_ text: String, _ node: Node, _ key: String, checks: Bool) -> String {
        let absolute = text.hasPrefix("/") ? text : "\(reader.folder)/\(text)"
        if checks, !FileAccess.isReadable(absolute) {
            reader.error(node, "\(path(key)): cannot read \(absolute); check the path and its permissions")
        }
        return absolute
    }

    /// A list of texts; a single text counts as a list of one.
    func strings(_ key: String) -> [(node: Node, text: String)] {
        guard let value = values[key] else { return [] }
        if let text = Self.text(value) { return [(value, text)] }
        guard case .sequence(let sequence) = value else {
            reader.error(value, "\(path(key)) must be a list")
            return []
        }
        return sequence.compactMap { node in
            guard let text = Self.text(node) else {
                reader.error(node, "\(path(key)) must be a list of texts")
                return nil
            }
            return (node, text)
        }
    }

    /// A list of host names and addresses, in lower case and without a final dot.
    func hosts(_ key: String) -> [String] {
        strings(key).compactMap { node, text in
            let host = (text.hasSuffix(".") ? text.dropLast() : text[...]).lowercased()
            if Self.isHost(host) { return host }
            let advice = host.contains("*") ? "; patterns are not supported, name each domain" : ""
            reader.error(node, "'\(text)' in \(path(key)) is no domain\(advice)")
            return nil
        }
    }

    /// The entries of a list of mappings.
    func entries(_ key: String) -> [Node] {
        guard let value = values[key] else { return [] }
        guard case .sequence(let sequence) = value else {
            reader.error(value, "\(path(key)) must be a list, each entry beginning with '-'")
            return []
        }
        return Array(sequence)
    }

    /// The named entries of a mapping of mappings, in the order of the file.
    func named(_ key: String) -> [(name: String, key: Node, value: Node)] {
        guard let value = values[key] else { return [] }
        guard case .mapping(let mapping) = value else {
            reader.error(value, "\(path(key)) must be a mapping of names to settings")
            return []
        }
        return mapping.compactMap { entry in
            guard let name = entry.key.string, Self.isName(name) else {
                reader.error(entry.key, "a name in \(path(key)) may have letters, digits, '-', '_' and '.' only")
                return nil
            }
            return (name, entry.key, entry.value)
        }
    }
}
