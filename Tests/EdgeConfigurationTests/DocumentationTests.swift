// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation
internal import Testing

@Suite("docs/CONFIGURATION.md")
struct DocumentationTests {
    /// One row of a table of keys.
    struct Row {
        let key: String
        let standard: String
        let meaning: String
        let reload: String
    }

    let text: String

    init() throws { text = try Repository.text("docs/CONFIGURATION.md") }

    /// The rows below the heading of a section.
    private func rows(_ section: ConfigurationSection) -> [Row] {
        let parts = section.rawValue.split(separator: ".").filter { $0 != "*" }
            .map { "`\($0.hasSuffix("[]") ? $0.dropLast(2) : $0)`" }
        let heading = "### \(parts.joined(separator: ": "))"
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: heading[...]) else { return [] }
        return lines[(start + 1)...].prefix { !$0.hasPrefix("#") }.compactMap { line -> Row? in
            let cells = line.split(separator: " | ").map { String($0.trimmingPrefix("| ")) }
            guard cells.count == 5, cells[0].hasPrefix("`") else { return nil }
            return Row(
                key: cells[0].replacing("`", with: ""),
                standard: cells[2],
                meaning: cells[3],
                reload: cells[4].replacing(" |", with: "")
            )
        }
    }

    @Test("Each key is there once, with meaning and behaviour at a reload", arguments: ConfigurationSection.allCases)
    func keys(section: ConfigurationSection) {
        guard section != .file else {
            for name in section.keys { #expect(text.contains("### `\(name)`\n"), "\(name)") }
            return
        }
        let rows = rows(section)
        let behaviours = [
            "at once", "new connections", "restart", "the listener is opened anew", "the target is resolved anew",
        ]
        #expect(rows.map(\.key) == section.keys)
        #expect(rows.allSatisfy { $0.meaning.count > 5 && behaviours.contains($0.reload) })
    }

    @Test("Each default is what full.yaml tells, which is the loader's", arguments: ConfigurationSection.allCases)
    func defaults(section: ConfigurationSection) throws {
        let full = try ExampleFile(Repository.text("config/full.yaml"))
        for row in rows(section) {
            let key = try #require(full.firstKeys.first { $0.section == section && $0.name == row.key })
            switch try #require(key.mark) {
            case .standard(let value): #expect(row.standard == "`\(value)`", "\(key.place)")
            case .required: #expect(row.standard == "required", "\(key.place)")
            case .none: #expect(row.standard == "none", "\(key.place)")
            }
        }
    }

    @Test("Each field of the request line is there, and so is the standard line")
    func requestLine() {
        for field in RequestLineTemplate.Field.allCases { #expect(text.contains("`{\(field.rawValue)}`"), "\(field)") }
        #expect(text.contains("\n\(RequestLineTemplate.standard)\n"))
    }

    @Test("The configuration that README.md shows loads without a problem")
    func readme() throws {
        let blocks = try Repository.text("README.md").components(separatedBy: "```yaml\n").dropFirst()
        let texts = blocks.compactMap { $0.components(separatedBy: "```").first }.filter { $0.contains("listeners:") }
        #expect(!texts.isEmpty)
        for text in texts {
            let outcome = ConfigurationOutcome.of(text)
            #expect(outcome.problems == [] && outcome.configuration != nil)
        }
    }
}
