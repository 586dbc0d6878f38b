// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
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
        guard case .scalar(let scalar) = value, !scalar.string.isEmpty else {
            reader.error(value, "\(path(key)) must be a text")
            return nil
        }
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
            return reader.error(value, "\(path(key)) must be from \(range.lowerBound) to \(range.upperBound)")
        }
        target = duration
    }

    static func duration(_ text: String) -> Duration? {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        if text == "0" { return .zero }
        for (suffix, milliseconds) in units where text.hasSuffix(suffix) {
            guard let number = Int64(text.dropLast(suffix.count)), number >= 0, number < 1_000_000_000 else { continue }
            return .milliseconds(number * milliseconds)
        }
        return nil
    }

    /// A size with its unit: `1024`, `256KiB`, `1MiB`.
    func size(_ key: String, in range: ClosedRange<Int>, _ target: inout Int) {
        guard let value = values[key] else { return }
        var number: Int?
        if let text = value.string {
            for (suffix, factor) in [("KiB", 1024), ("MiB", 1 << 20), ("", 1)] where text.hasSuffix(suffix) {
                if let count = Int(text.dropLast(suffix.count)), count >= 0, count < 1 << 30 {
                    number = count * factor
                    break
                }
            }
        }
        guard let number, range.contains(number) else {
            return reader.error(
                value,
                "\(path(key)) must be a size from \(range.lowerBound) to \(range.upperBound) bytes, such as 256KiB"
            )
        }
        target = number
    }

    /// The name of a file, made absolute; it must be readable.
    func filePath(_ key: String, checks: Bool) -> String? {
        guard let text = string(key) else { return nil }
        let absolute = text.hasPrefix("/") ? text : "\(reader.folder)/\(text)"
        reader.remember(values[key], at: path(key))
        if checks, !FileAccess.isReadable(absolute) {
            reader.error(values[key], "\(path(key)): cannot read \(absolute); check the path and its permissions")
        }
        return absolute
    }

    /// A list of texts; a single text counts as a list of one.
    func strings(_ key: String) -> [(node: Node, text: String)] {
        guard let value = values[key] else { return [] }
        if case .scalar(let scalar) = value { return [(value, scalar.string)] }
        guard case .sequence(let sequence) = value else {
            reader.error(value, "\(path(key)) must be a list")
            return []
        }
        return sequence.compactMap { node in
            guard case .scalar(let scalar) = node else {
                reader.error(node, "\(path(key)) must be a list of texts")
                return nil
            }
            return (node, scalar.string)
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

    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    /// `address:port`, the address in brackets when it is IPv6.
    static func socketAddress(_ text: String) -> (IPAddress, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let address = IPAddress(parsing: text[..<colon]),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        let isBracketed = text.hasPrefix("[")
        return address.isIPv6 == isBracketed ? (address, port) : nil
    }
}
