// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import Glibc
package import SIPLocation

/// Reads zone files (RFC 1035 section 5) with ldns, keeping the line of each record.
package enum ZoneFile {
    /// Bytes that a zone file may have; the example server is not made for more.
    package static let sizeLimit = 16 << 20
    /// Problems that are told of one file; the first ones cause the others.
    package static let problemLimit = 20

    /// The records of a file.
    /// - Throws: every problem, as `file:line: message`.
    package static func records(of file: String) throws(ZoneProblems) -> [ZoneRecord] {
        try records(in: try bytes(of: file), file: file)
    }

    /// The records in the text of a zone file.
    package static func records(in text: String, file: String) throws(ZoneProblems) -> [ZoneRecord] {
        try records(in: Array(text.utf8), file: file)
    }

    /// The zone of a file.
    package static func zone(of file: String) throws(ZoneProblems) -> Zone {
        try Zone(try records(of: file), file: file)
    }

    static func bytes(of file: String) throws(ZoneProblems) -> [UInt8] {
        guard let stream = fopen(file, "r") else { throw problem(file, String(cString: strerror(errno))) }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&block, 1, block.count, stream)
            guard count > 0 else { break }
            bytes += block[..<count]
            guard bytes.count <= sizeLimit else { throw problem(file, "is larger than \(sizeLimit >> 20) MiB") }
        }
        guard ferror(stream) == 0 else { throw problem(file, "cannot be read; is it a directory?") }
        return bytes
    }

    static func records(in bytes: [UInt8], file: String) throws(ZoneProblems) -> [ZoneRecord] {
        // ldns reads from a stream only; a zero byte would end its line early and hide the rest.
        guard !bytes.isEmpty else { throw problem(file, "is empty") }
        guard !bytes.contains(0) else { throw problem(file, "holds a zero byte; it is no zone file") }
        var copy = bytes
        let result = copy.withUnsafeMutableBytes { raw -> Result<[ZoneRecord], ZoneProblems> in
            guard let stream = fmemopen(raw.baseAddress, raw.count, "r") else {
                return .failure(problem(file, "cannot be read: \(String(cString: strerror(errno)))"))
            }
            defer { fclose(stream) }
            var parser = ZoneFileParser(stream: stream, file: file, empty: emptyLines(bytes))
            return parser.parse()
        }
        return try result.get()
    }

    /// For each line whether it is blank or only a comment: ldns passes those over without saying so.
    private static func emptyLines(_ bytes: [UInt8]) -> [Bool] {
        bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
            let first = line.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            return first == nil || first == 0x3B
        }
    }

    private static func problem(_ file: String, _ message: String) -> ZoneProblems {
        ZoneProblems([ZoneProblem(file: file, line: 0, message: message)])
    }
}

/// Reads one file to its end, going on behind mistakes so that all are told.
private struct ZoneFileParser {
    let stream: UnsafeMutablePointer<FILE>
    let file: String
    let empty: [Bool]
    private var ttl: UInt32 = 3600
    private var line: Int32 = 0
    private var records: [ZoneRecord] = []
    private var problems: [ZoneProblem] = []

    init(stream: UnsafeMutablePointer<FILE>, file: String, empty: [Bool]) {
        self.stream = stream
        self.file = file
        self.empty = empty
    }

    mutating func parse() -> Result<[ZoneRecord], ZoneProblems> {
        var origin: UnsafeMutablePointer<ldns_rdf>?
        var previous: UnsafeMutablePointer<ldns_rdf>?
        defer {
            if let origin { ldns_rdf_deep_free(origin) }
            if let previous { ldns_rdf_deep_free(previous) }
        }
        while feof(stream) == 0, problems.count < ZoneFile.problemLimit {
            var start = Int(line) + 1
            while start <= empty.count, empty[start - 1] { start += 1 }
            var record: UnsafeMutablePointer<ldns_rr>?
            let status = ldns_rr_new_frm_fp_l(&record, stream, &ttl, &origin, &previous, &line)
            defer { if let record { ldns_rr_free(record) } }
            take(status, record, start)
        }
        return problems.isEmpty ? .success(records) : .failure(ZoneProblems(problems))
    }

    private mutating func take(_ status: ldns_status, _ record: UnsafeMutablePointer<ldns_rr>?, _ start: Int) {
        switch status {
        case LDNS_STATUS_OK:
            guard let record, let value = RecordReader.record(record) else {
                return tell(start, "the record cannot be used; only class IN is served")
            }
            // ldns makes type 0, which no record has, of a word that it does not know at the end of a line.
            guard value.type.rawValue > 0 else { return tell(start, "the record's type is not known") }
            records.append(ZoneRecord(record: value, line: start, data: RecordReader.wireData(record)))
        case LDNS_STATUS_SYNTAX_EMPTY, LDNS_STATUS_SYNTAX_TTL, LDNS_STATUS_SYNTAX_ORIGIN: return
        case LDNS_STATUS_SYNTAX_INCLUDE: tell(start, "$INCLUDE is not supported; put all records into one file")
        default:
            tell(start, ldns_get_errorstr_by_id(status).map { String(cString: $0) } ?? "cannot be read")
        }
    }

    private mutating func tell(_ line: Int, _ message: String) {
        problems.append(ZoneProblem(file: file, line: line, message: message))
    }
}
