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
                let sorted = sorted(records, &walk)
                let usable = usable(sorted, &walk)
                if !usable.isEmpty { return usable }
                guard
                    let next = sorted.first(where: { $0.flags.isEmpty && $0.regexp.isEmpty && !$0.replacement.isRoot })
                else {
                    return []
                }
                key = next.replacement
            }
        }
        throw .absent("the NAPTR records of \(name) lead on more than \(Self.chainLimit) times")
    }

    private func sorted(_ records: [DNSRecord], _ walk: inout Walk) -> [NAPTRData] {
        var unique: [NAPTRData] = []
        for case .naptr(let data) in records.map(\.data) where !unique.contains(data) { unique.append(data) }
        if unique.count > policy.naptrRecords {
            walk.note("more than \(policy.naptrRecords) NAPTR records; the rest is ignored")
        }
        return unique.prefix(policy.naptrRecords).sorted { ($0.order, $0.preference) < ($1.order, $1.preference) }
    }

    private func usable(_ records: [NAPTRData], _ walk: inout Walk) -> [Service] {
        var services: [Service] = []
        var order: UInt16?
        for record in records {
            if let order, record.order != order { break }
            guard let transport = transport(record) else {
                walk.note("NAPTR \(record.order) \(record.preference) '\(record.services)' is not used")
                continue
            }
            order = record.order
            services.append(Service(transport: transport, replacement: record.replacement))
        }
        return services
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
