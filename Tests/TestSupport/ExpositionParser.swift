// SPDX-License-Identifier: Apache-2.0

/// A strict reader of Prometheus' text format 0.0.4, written against the format's description and not the writer.
package struct ExpositionParser {
    package struct Series: Hashable, Sendable {
        package let name: String
        package let labels: [String: String]

        package init(name: String, labels: [String: String]) {
            self.name = name
            self.labels = labels
        }
    }

    package struct Failure: Error, Equatable {
        package let line: Int
        package let words: String
    }

    package private(set) var types: [String: String] = [:]
    package private(set) var helps: [String: String] = [:]
    package private(set) var values: [Series: Double] = [:]
    private var family = ""
    private var finished: Set<String> = []

    package init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Failure(line: 0, words: "no line feed at the end") }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            do throws(Words) {
                try read(String(line))
            } catch {
                throw Failure(line: number + 1, words: error.words)
            }
        }
    }

    private struct Words: Error { let words: String }

    private mutating func read(_ line: String) throws(Words) {
        if line.hasPrefix("# ") {
            let parts = line.split(separator: " ", maxSplits: 3).map(String.init)
            guard parts.count == 4 else { throw Words(words: "short comment") }
            if parts[1] == "HELP" {
                guard helps.updateValue(parts[3], forKey: parts[2]) == nil else { throw Words(words: "second HELP") }
                finished.insert(family)
                family = parts[2]
                guard !finished.contains(family) else { throw Words(words: "family split") }
            } else {
                guard parts[1] == "TYPE", parts[2] == family, types.updateValue(parts[3], forKey: family) == nil else {
                    throw Words(words: "TYPE out of place")
                }
            }
            return
        }
        var rest = Substring(line)
        let name = String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") })
        rest = rest.dropFirst(name.count)
        let allowed = types[family] == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
        guard allowed.contains(name) else { throw Words(words: "sample outside of its family: \(name)") }
        let labels = try Self.labels(&rest)
        guard rest.first == " ", let value = Self.value(rest.dropFirst()) else { throw Words(words: "bad value") }
        guard values.updateValue(value, forKey: Series(name: name, labels: labels)) == nil else {
            throw Words(words: "series twice")
        }
    }

    private static func labels(_ rest: inout Substring) throws(Words) -> [String: String] {
        var labels: [String: String] = [:]
        guard rest.first == "{" else { return labels }
        repeat {
            rest = rest.dropFirst()
            let name = String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
            rest = rest.dropFirst(name.count)
            guard !name.isEmpty, rest.hasPrefix("=\"") else { throw Words(words: "bad label") }
            rest = rest.dropFirst(2)
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else {
                    value.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "n": value.append("\n")
                case "\\": value.append("\\")
                case "\"": value.append("\"")
                default: throw Words(words: "bad escape")
                }
            }
            guard labels.updateValue(value, forKey: name) == nil else { throw Words(words: "label twice") }
        } while rest.first == ","
        guard rest.popFirst() == "}" else { throw Words(words: "labels not closed") }
        return labels
    }

    private static func value(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.allSatisfy { "0123456789.eE+-".contains($0) } ? Double(text) : nil
        }
    }
}
