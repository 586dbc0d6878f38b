// SPDX-License-Identifier: Apache-2.0

/// A record of a zone file, with the place where it stands.
package struct ZoneRecord: Sendable, Hashable {
    package let record: DNSRecord
    /// The first line of the record, counted from 1.
    package let line: Int
    /// Its data in wire form, names uncompressed.
    package let data: [UInt8]

    package init(record: DNSRecord, line: Int, data: [UInt8]) {
        self.record = record
        self.line = line
        self.data = data
    }

    package var name: DNSName { record.name }
    package var type: DNSRecordType { record.type }

    /// The type that a signature covers (RFC 4034 section 3.1.1); nil for other records.
    package var covered: DNSRecordType? {
        guard type == .rrsig, data.count > 2 else { return nil }
        return DNSRecordType(rawValue: UInt16(data[0]) << 8 | UInt16(data[1]))
    }
}

/// What is wrong in a zone file, and where.
package struct ZoneProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package let file: String
    /// 0 when the file as a whole is meant.
    package let line: Int
    package let message: String

    package init(file: String, line: Int, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    package var description: String { line > 0 ? "\(file):\(line): \(message)" : "\(file): \(message)" }
}

/// Everything that is wrong in zone files that were to be served.
package struct ZoneProblems: Error, Sendable, Hashable, CustomStringConvertible {
    package let problems: [ZoneProblem]

    package init(_ problems: [ZoneProblem]) {
        self.problems = problems
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
