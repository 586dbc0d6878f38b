// SPDX-License-Identifier: Apache-2.0

/// Finds the name that somebody probably meant.
enum NearestName {
    /// The candidate with the fewest edits to `name`, when that is at most a third of its length and two at least.
    static func among(_ candidates: [String], to name: String) -> String? {
        let best = candidates.map { ($0, distance($0, name)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let best, best.1 <= max(2, name.count / 3) else { return nil }
        return best.0
    }

    /// Insertions, removals and replacements that turn one name into the other.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8.prefix(64))
        let right = Array(right.utf8.prefix(64))
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, min(row[column], row[column + 1]) + 1)
            }
        }
        return row[right.count]
    }
}
