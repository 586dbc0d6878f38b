// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// The choice of services from NAPTR records (RFC 3263 section 4.1, RFC 3403).
struct NAPTRChoice {
    /// A service that is to be used.
    struct Service {
        let transport: SIPTransport
        let replacement: DNSName
    }

    /// How many non-terminal records may follow each other (LOC-21).
    static let chainLimit = 5

    let policy: ResolutionPolicy
    let isSecure: Bool

    /// The services of the first order that has a usable one, best first; empty when no record is usable (LOC-15 to
    /// LOC-23).
    func services(of name: DNSName, _ walk: inout Walk) throws(Walk.Stop) -> [Service] {
        var key = name
        for _ in 0...Self.chainLimit {
            guard let answer = walk.answer(DNSQuestion(key, .naptr)) else { throw .ask }
            switch answer.outcome {
            case .noData, .nameError: return []
            case .failure(let kind): throw .failed("NAPTR \(key) could not be asked: \(kind.rawValue)")
            case .records(let records):
                switch choice(among: records, &walk) {
                case .services(let services): return services
                case .leadsOn(let next): key = next
                }
            }
        }
        throw .absent("the NAPTR records of \(name) lead on more than \(Self.chainLimit) times")
    }

    /// What the records of one name come to.
    private enum Choice {
        case services([Service])
        /// The records of another name are to be looked at (a non-terminal rule, RFC 3403 section 2).
        case leadsOn(DNSName)
    }

    /// The first order that has a record for us decides, and nothing behind it is looked at (LOC-16).
    private func choice(among records: [DNSRecord], _ walk: inout Walk) -> Choice {
        var services: [Service] = []
        var order: UInt16?
        for record in sorted(records) {
            if let order, record.order != order { break }
            if services.isEmpty, leadsOn(record) { return .leadsOn(record.replacement) }
            guard let transport = transport(record) else {
                walk.note("NAPTR \(record.order) \(record.preference) '\(record.services)' is not used")
                continue
            }
            guard services.count < policy.naptrRecords else {
                walk.note("more than \(policy.naptrRecords) NAPTR records can be used; the rest is ignored")
                break
            }
            order = record.order
            services.append(Service(transport: transport, replacement: record.replacement))
        }
        return .services(services)
    }

    private func sorted(_ records: [DNSRecord]) -> [NAPTRData] {
        var unique: Set<NAPTRData> = []
        var all: [NAPTRData] = []
        for case .naptr(let data) in records.map(\.data) where unique.insert(data).inserted { all.append(data) }
        return all.sorted { ($0.order, $0.preference) < ($1.order, $1.preference) }
    }

    /// Whether it is a rule of SIP that leads to further rules; those of other applications do not count (LOC-23).
    private func leadsOn(_ record: NAPTRData) -> Bool {
        guard record.flags.isEmpty, record.regexp.isEmpty, !record.replacement.isRoot else { return false }
        let services = record.services.lowercased()
        return services.isEmpty || services.hasPrefix("sips+") || (!isSecure && services.hasPrefix("sip+"))
    }

    private func transport(_ record: NAPTRData) -> SIPTransport? {
        guard record.flags.lowercased() == "s", record.regexp.isEmpty, !record.replacement.isRoot else { return nil }
        let transport: SIPTransport
        switch record.services.lowercased() {
        case "sips+d2t": transport = .tls
        case "sip+d2t": transport = .tcp
        case "sip+d2u": transport = .udp
        default: return nil
        }
        guard policy.transports.contains(transport), !isSecure || transport == .tls else { return nil }
        return transport
    }
}
