// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
package import SIPLocation

/// Records that the operator gives himself, with their TTLs, in place of what DNS says (LOC-71).
///
/// A name that stands here has what stands here and nothing else. The hosts file of the system is never read.
package struct DNSOverrides: Sendable, Hashable {
    /// What answers say of where they come from.
    package static let server = "overrides"

    private let records: [DNSName: [DNSRecord]]

    /// No name is overridden.
    package init() { records = [:] }

    /// Overrides from the records of a file in zone-file form.
    /// - Throws: every reason why it cannot be used.
    package init(file: String) throws(ZoneProblems) {
        try self.init(ZoneFile.records(of: file), file: file)
    }

    /// Overrides from records that were read from `file`.
    package init(_ records: [ZoneRecord], file: String) throws(ZoneProblems) {
        let problems = records.filter { !Self.types.contains($0.type) }.map { record in
            let message = "\(record.type) cannot be overridden; the file holds A, AAAA, SRV and NAPTR records"
            return ZoneProblem(file: file, line: record.line, message: message)
        }
        guard problems.isEmpty else { throw ZoneProblems(problems) }
        self.records = Dictionary(grouping: records.map(\.record), by: \.name)
    }

    /// The answer to a question about a name that stands here; nil for other names.
    func answer(to question: DNSQuestion, now: NIODeadline) -> DNSAnswer? {
        guard let all = records[question.name] else { return nil }
        let found = all.filter { $0.type == question.type }
        let seconds = max(1, (found.isEmpty ? all : found).map { Int64($0.ttl) }.min() ?? 1)
        return DNSAnswer(
            outcome: found.isEmpty ? .noData : .records(found),
            timeToLive: .seconds(seconds),
            receivedAt: now,
            server: Self.server
        )
    }

    private static let types: Set<DNSRecordType> = [.a, .aaaa, .srv, .naptr]
}
