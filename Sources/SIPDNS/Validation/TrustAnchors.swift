// SPDX-License-Identifier: Apache-2.0

package import SIPLocation

/// What DNSSEC validation begins with: keys, or digests of keys, that the operator vouches for (RFC 4033 section 2).
package struct TrustAnchors: Sendable, Hashable {
    /// DS and DNSKEY records by the zone that they are for.
    private let records: [DNSName: [ZoneRecord]]

    /// No anchor: nothing can be validated.
    package init() { records = [:] }

    /// Anchors from the DS and DNSKEY records of a file in zone-file form.
    /// - Throws: every reason why it holds none.
    package init(file: String) throws(ZoneProblems) {
        try self.init(ZoneFile.records(of: file), file: file)
    }

    /// Anchors from records that were read from `file`.
    package init(_ records: [ZoneRecord], file: String) throws(ZoneProblems) {
        var problems: [ZoneProblem] = []
        for record in records where record.type != .ds && record.type != .dnskey {
            let message = "\(record.type) is no trust anchor; the file holds DS or DNSKEY records of the topmost zone"
            problems.append(ZoneProblem(file: file, line: record.line, message: message))
        }
        if records.isEmpty {
            let message = "holds no DS and no DNSKEY record; without a trust anchor nothing can be validated"
            problems.append(ZoneProblem(file: file, line: 0, message: message))
        }
        guard problems.isEmpty else { throw ZoneProblems(problems) }
        self.records = Dictionary(grouping: records, by: \.name)
    }

    /// The nearest zone at or above `name` that an anchor stands for.
    func zone(above name: DNSName) -> DNSName? {
        var candidate: DNSName? = name
        while let present = candidate {
            if records[present] != nil { return present }
            candidate = present.parent
        }
        return nil
    }

    /// The anchors of a zone.
    func records(of zone: DNSName) -> [ZoneRecord] { records[zone] ?? [] }
}
