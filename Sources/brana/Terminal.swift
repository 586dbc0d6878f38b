// SPDX-License-Identifier: Apache-2.0

internal import EdgeControl
internal import Foundation

/// What commands print.
enum Terminal {
    static func error(_ text: String) {
        StandardStream.error.write(line: text)
    }

    /// Prints a line at once, so that who follows through a pipe sees progress.
    static func say(_ text: String) {
        StandardStream.output.write(line: text)
    }

    /// A table with its columns as wide as they must be; columns in `numbers` are set flush right.
    static func table(_ header: [String], _ rows: [[String]], numbers: Set<Int> = []) -> String {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let space = String(repeating: " ", count: max(0, widths[column] - cell.count))
                return numbers.contains(column) ? space + cell : cell + space
            }
            let joined = padded.joined(separator: "  ")
            return String(joined.reversed().drop { $0 == " " }.reversed())
        }
        return ([header] + rows).map(line).joined(separator: "\n")
    }

    static func percent(_ value: Double) -> String { String(format: "%.1f %%", value * 100) }
}
