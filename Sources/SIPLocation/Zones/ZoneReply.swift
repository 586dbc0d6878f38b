// SPDX-License-Identifier: Apache-2.0

/// What an authoritative server says to a question (RFC 1034 section 4.3.2).
package struct ZoneReply: Sendable, Hashable {
    /// Response codes (RFC 1035 section 4.1.1).
    package enum Code: UInt8, Sendable, Hashable {
        case noError = 0
        case formatError = 1
        case serverFailure = 2
        case nameError = 3
        case notImplemented = 4
        case refused = 5
    }

    /// Aliases that are followed inside a zone.
    static let aliasLimit = 8

    package var code = Code.noError
    package var isAuthoritative = true
    package var answers: [ZoneRecord] = []
    package var authorities: [ZoneRecord] = []
    package var additionals: [ZoneRecord] = []

    package init(code: Code = .noError) {
        self.code = code
    }

    /// The reply of the zone that is nearest to the question; REFUSED when none is.
    package static func reply(to question: DNSQuestion, in zones: [Zone], withDNSSEC: Bool) -> ZoneReply {
        let holding = zones.filter { question.name.isWithin($0.origin) }
        guard let zone = holding.max(by: { $0.origin.text.utf8.count < $1.origin.text.utf8.count }) else {
            var refused = ZoneReply(code: .refused)
            refused.isAuthoritative = false
            return refused
        }
        var building = ZoneReplyBuilder(zone: zone, type: question.type, withDNSSEC: withDNSSEC)
        building.answer(question.name)
        return building.reply
    }
}

/// Builds one reply out of one zone.
struct ZoneReplyBuilder {
    let zone: Zone
    let type: DNSRecordType
    let withDNSSEC: Bool
    var reply = ZoneReply()

    init(zone: Zone, type: DNSRecordType, withDNSSEC: Bool) {
        self.zone = zone
        self.type = type
        self.withDNSSEC = withDNSSEC
    }

    /// Answers for a name, and for what its aliases lead to as long as that is in the zone.
    mutating func answer(_ name: DNSName) {
        var name = name
        for _ in 0...ZoneReply.aliasLimit {
            guard let alias = step(name) else { break }
            guard alias.isWithin(zone.origin), !reply.answers.contains(where: { $0.name == alias }) else { return }
            name = alias
        }
        addAddresses()
    }

    /// One name; the alias to go on with, if there is one.
    private mutating func step(_ name: DNSName) -> DNSName? {
        if let cut = zone.delegation(of: name), !(type == .ds && cut == name) {
            refer(to: cut)
            return nil
        }
        let source = zone.exists(name) ? name : zone.closestEncloser(of: name).prefixed("*")
        guard let sets = zone.sets(of: source) else {
            deny(name, isAbsent: !zone.exists(name))
            return nil
        }
        let wanted = type == .any ? sets.keys.min { $0.rawValue < $1.rawValue } ?? .soa : type
        if let records = sets[wanted] {
            add(records, at: source, as: name, wanted)
            return nil
        }
        guard let alias = sets[.cname], case .cname(let target)? = alias.first?.record.data else {
            deny(name, isAbsent: false)
            // That the wildcard has none of that type is to be shown too (RFC 4035 section 3.1.3.4).
            if withDNSSEC, source != name, let proof = zone.denial(of: source) { addProof(proof) }
            return nil
        }
        add(alias, at: source, as: name, .cname)
        return target
    }

    private mutating func add(
        _ records: [ZoneRecord],
        at source: DNSName,
        as name: DNSName,
        _ type: DNSRecordType
    ) {
        let signatures = withDNSSEC ? zone.signatures(source, type) : []
        reply.answers += (records + signatures).map { $0.renamed(name) }
        if withDNSSEC, source != name, let proof = zone.denial(of: name) { addProof(proof) }
    }

    private mutating func refer(to cut: DNSName) {
        reply.isAuthoritative = !reply.answers.isEmpty
        reply.authorities += zone.set(cut, .ns)
        if withDNSSEC { reply.authorities += zone.set(cut, .ds) + zone.signatures(cut, .ds) }
    }

    /// NXDOMAIN or NODATA, with the SOA that says how long it may be believed (RFC 2308 section 3).
    private mutating func deny(_ name: DNSName, isAbsent: Bool) {
        if isAbsent { reply.code = .nameError }
        reply.authorities.append(zone.soa.limited(to: zone.soa))
        guard withDNSSEC else { return }
        reply.authorities += zone.signatures(zone.origin, .soa)
        if let proof = zone.denial(of: name) { addProof(proof) }
        if isAbsent, let proof = zone.denial(of: zone.closestEncloser(of: name).prefixed("*")) { addProof(proof) }
    }

    private mutating func addProof(_ proof: ZoneRecord) {
        guard !reply.authorities.contains(proof) else { return }
        reply.authorities += [proof] + zone.signatures(proof.name, .nsec)
    }

    /// The addresses of SRV and NS targets, as hints (RFC 2782, "the format of the SRV RR").
    private mutating func addAddresses() {
        var seen: Set<DNSName> = []
        for record in reply.answers + reply.authorities {
            let target: DNSName? =
                switch record.record.data {
                case .srv(let data): data.target
                case .ns(let name): name
                default: nil
                }
            guard let target, seen.insert(target).inserted else { continue }
            reply.additionals += zone.set(target, .a) + zone.set(target, .aaaa)
        }
    }
}

extension ZoneRecord {
    /// The record as the answer for `name`, which a wildcard stands for.
    func renamed(_ name: DNSName) -> ZoneRecord {
        guard name != self.name else { return self }
        return ZoneRecord(
            record: DNSRecord(name: name, type: type, ttl: record.ttl, data: record.data),
            line: line,
            data: data
        )
    }

    /// The SOA record with the time for which absence may be remembered.
    func limited(to soa: ZoneRecord) -> ZoneRecord {
        guard case .soa(let minimum) = soa.record.data else { return self }
        return ZoneRecord(
            record: DNSRecord(name: name, type: type, ttl: min(record.ttl, minimum), data: record.data),
            line: line,
            data: data
        )
    }
}
