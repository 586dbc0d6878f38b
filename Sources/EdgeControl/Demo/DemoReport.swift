// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What a demonstration run found, as a table for people and as JSON for programs.
package struct DemoReport: Sendable, Codable, Equatable {
    /// One backend: what its records promise and what it got.
    package struct Backend: Sendable, Codable, Equatable {
        package var name: String
        package var priority: Int
        package var weight: Int
        /// The part of the calls that RFC 2782 gives it while all backends are up; 0 to 1.
        package var expectedShare: Double
        /// The part that it got while all backends were up; 0 to 1.
        package var share: Double
        /// Every request that it received in the whole run.
        package var requests: Int
        /// `up` or `down`, as the edge sees it at the end.
        package var health: String

        package init(
            name: String,
            priority: Int,
            weight: Int,
            expectedShare: Double,
            share: Double,
            requests: Int,
            health: String
        ) {
            self.name = name
            self.priority = priority
            self.weight = weight
            self.expectedShare = expectedShare
            self.share = share
            self.requests = requests
            self.health = health
        }
    }

    /// One step of the rehearsal and whether it held.
    package struct Step: Sendable, Codable, Equatable {
        package var name: String
        package var held: Bool
        /// What was seen, in words.
        package var detail: String

        package init(name: String, held: Bool, detail: String) {
            self.name = name
            self.held = held
            self.detail = detail
        }
    }

    package var calls = 0
    package var failed = 0
    package var backends: [Backend] = []
    package var reloads = 0
    package var steps: [Step] = []

    package init() {}

    /// Whether every step held and no call failed.
    package var held: Bool { failed == 0 && !steps.isEmpty && steps.allSatisfy(\.held) }

    /// One JSON object, with keys in snake case.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The closing table, each line ended.
    package func table() -> String {
        let head = ["backend", "priority", "weight", "expected", "share", "requests", "health"]
        let rows = backends.map { backend in
            [
                backend.name, "\(backend.priority)", "\(backend.weight)", Self.percent(backend.expectedShare),
                Self.percent(backend.share), "\(backend.requests)", backend.health,
            ]
        }
        var text = Self.aligned([head] + rows)
        text += "\ncalls \(calls), failed \(failed), reloads \(reloads)\n"
        for step in steps { text += "\(step.held ? "held  " : "FAILED")  \(step.name): \(step.detail)\n" }
        return text
    }

    private static func percent(_ share: Double) -> String {
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }

    /// Columns padded to their widest cell: the first to the left, the others to the right.
    private static func aligned(_ rows: [[String]]) -> String {
        let columns = rows.first?.count ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
