// SPDX-License-Identifier: Apache-2.0

/// One zone's records, ordered for answering.
package struct Zone: Sendable {
    package let origin: DNSName
    package let soa: ZoneRecord
    /// As they stand in the file.
    package let records: [ZoneRecord]

    private var sets: [DNSName: [DNSRecordType: [ZoneRecord]]] = [:]
    private var signatures: [DNSName: [DNSRecordType: [ZoneRecord]]] = [:]
    /// Names without records of their own that have names below them exist too (RFC 4592 section 2.2.2).
    private var existing: Set<DNSName> = []
    /// The owners of NSEC records in canonical order (RFC 4034 section 6.1).
    private var chain: [DNSName] = []

    /// A zone from the records of its file.
    /// - Throws: every reason why they make none.
    package init(_ records: [ZoneRecord], file: String) throws(ZoneProblems) {
        let starts = records.filter { $0.type == .soa }
        guard let soa = starts.first else {
            throw ZoneProblems([
                ZoneProblem(file: file, line: 0, message: "there is no SOA record; a zone begins with one")
            ])
        }
        var problems = starts.dropFirst().map {
            ZoneProblem(file: file, line: $0.line, message: "a second SOA record; one file holds one zone")
        }
        self.soa = soa
        self.records = records
        origin = soa.name
        for record in records {
            guard record.name.isWithin(soa.name) else {
                let message = "\(record.name) is not in the zone \(soa.name); was a dot at the end of a name left out?"
                problems.append(ZoneProblem(file: file, line: record.line, message: message))
                continue
            }
            insert(record)
        }
        guard problems.isEmpty else { throw ZoneProblems(problems) }
        chain = sets.filter { $0.value[.nsec] != nil }.keys.sorted { $0.precedesCanonically($1) }
    }

    private mutating func insert(_ record: ZoneRecord) {
        if let covered = record.covered {
            signatures[record.name, default: [:]][covered, default: []].append(record)
        } else if sets[record.name]?[record.type]?.contains(where: { $0.data == record.data }) ?? false {
            return
        } else {
            sets[record.name, default: [:]][record.type, default: []].append(record)
        }
        var name: DNSName? = record.name
        while let present = name, present.isWithin(origin), existing.insert(present).inserted { name = present.parent }
    }

    /// The records of a name by type; nil when it has none.
    package func sets(of name: DNSName) -> [DNSRecordType: [ZoneRecord]]? { sets[name] }

    package func set(_ name: DNSName, _ type: DNSRecordType) -> [ZoneRecord] { sets[name]?[type] ?? [] }

    package func signatures(_ name: DNSName, _ type: DNSRecordType) -> [ZoneRecord] {
        signatures[name]?[type] ?? []
    }

    /// Whether the name or one below it has records.
    package func exists(_ name: DNSName) -> Bool { existing.contains(name) }

    /// The nearest name above `name` that exists (RFC 4592 section 3.3.1).
    package func closestEncloser(of name: DNSName) -> DNSName {
        var candidate = name.parent
        while let present = candidate, present.isWithin(origin) {
            if exists(present) { return present }
            candidate = present.parent
        }
        return origin
    }

    /// The name that is delegated to other servers at or above `name`; nil when this zone answers itself.
    package func delegation(of name: DNSName) -> DNSName? {
        var candidate: DNSName? = name
        var found: DNSName?
        while let present = candidate, present != origin, present.isWithin(origin) {
            if sets[present]?[.ns] != nil { found = present }
            candidate = present.parent
        }
        return found
    }

    /// The NSEC record that matches `name` or proves that it does not exist (RFC 4035 section 3.1.3).
    package func denial(of name: DNSName) -> ZoneRecord? {
        guard let owner = chain.last(where: { $0 == name || $0.precedesCanonically(name) }) ?? chain.last else {
            return nil
        }
        return set(owner, .nsec).first
    }
}

extension DNSName {
    /// Whether it comes before `other` in canonical order: by labels from the right (RFC 4034 section 6.1).
    package func precedesCanonically(_ other: DNSName) -> Bool {
        labels.reversed().lexicographicallyPrecedes(other.labels.reversed()) { $0.lexicographicallyPrecedes($1) }
    }
}
