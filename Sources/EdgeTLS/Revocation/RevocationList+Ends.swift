// SPDX-License-Identifier: Apache-2.0

extension [RevocationList] {
    /// Until when each issuer has a list that counts, in seconds since 1970, the first to end first.
    ///
    /// Of several lists of one issuer OpenSSL takes one that is valid. An issuer with a list that names no end is left out.
    var ends: [(issuer: String, end: Int64)] {
        var ends: [String: Int64] = [:]
        for list in self {
            let issuer = list.issuer
            ends[issuer] = Swift.max(ends[issuer] ?? .min, list.nextUpdate ?? .max)
        }
        return ends.filter { $0.value < .max }
            .sorted { ($0.value, $0.key) < ($1.value, $1.key) }
            .map { (issuer: $0.key, end: $0.value) }
    }
}
