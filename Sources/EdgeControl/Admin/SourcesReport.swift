// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import NIOCore
internal import SIPMessage

/// What `/api/v1/sources` gives: addresses whose requests were refused by a limit of their own or failed at backends, and who
/// is banned.
///
/// All is counted while the source has its place, what is refused by a rate while one is configured.
package struct SourcesReport: Codable, Sendable {
    /// How many sources are listed when nobody says another number.
    package static let standardLimit = 100

    /// How many there are, listed or not.
    package var total: Int
    /// The banned first, then those that made most trouble.
    package var sources: [Source]

    package struct Source: Codable, Sendable {
        package var address: String
        /// Whether this is of datagrams, whose source can be forged.
        package var isUdp: Bool
        /// Requests above its limits.
        package var refused: UInt64
        /// Requests that backends answered 401, 403 or 404.
        package var failures: UInt64
        /// Seconds for which it is banned yet.
        package var bannedFor: Int64?
    }
}

extension ControlPlane {
    package func sourcesReport(limit: Int) async throws -> SourcesReport {
        let sources = try await edge?.sources() ?? []
        let listed = sources.map { source in
            SourcesReport.Source(
                address: source.address.description,
                isUdp: !source.isProven,
                refused: source.refused,
                failures: source.failures,
                bannedFor: source.bannedFor.map { $0.nanoseconds / 1_000_000_000 }
            )
        }
        let ordered = listed.sorted { left, right in
            let (one, two) = (left.bannedFor != nil, right.bannedFor != nil)
            if one != two { return one }
            let (first, second) = (left.refused &+ left.failures, right.refused &+ right.failures)
            return first == second ? left.address < right.address : first > second
        }
        return SourcesReport(total: sources.count, sources: Array(ordered.prefix(limit)))
    }
}
