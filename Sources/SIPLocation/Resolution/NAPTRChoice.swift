// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// The choice of services from NAPTR records (RFC 3263 section 4.1, RFC 3403).
struct NAPTRChoice {
    /// A service that is to be used.
    struct Service {
        let order: UInt16
        let transport: SIPTransport
        let replacement: DNSName
    }

    /// How many non-terminal records may follow each other (LOC-21).
    static let chainLimit = 5

    let policy: ResolutionPolicy
    let isSecure: Bool

    /// The services of the first order that has a usable one, best first, and where the policy says so those of higher
    /// orders behind them; empty when no record is usable (LOC-15 to LOC-23).
    func services(of name: DNSName, _ walk: inout Walk) throws(Walk.Stop) -> [Service] {
        var key = name
        for _ in 0...Self.chainLimit {
            guard let answer = walk.answer(DNSQuestion(key, .naptr)) else { throw .ask }
            switch answer.outcome {
            case .noData, .nameError: return []
            case .failure(let kind): throw .failed("NAPTR \(key) could not be asked: \(kind.rawValue)")
            case .records(let records):
                switch choice(among: sorted(records), &walk) {
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

    /// The first order that has a record for us decides; what stands behind it is at most for failover (LOC-16).
    private func choice(among records: [NAPTRData], _ walk: inout Walk) -> Choice {
        var services: [Service] = []
        for record in records {
            if let first = services.first, record.order != first.order, policy.failover == .sameOrder {
                walk.passOver("NAPTR \(Self.words(record)): records of order \(first.order) decide (naptr_failover)")
                continue
            }
            if services.isEmpty, leadsOn(record) { return .leadsOn(record.replacement) }
            guard let transport = transport(record, &walk) else { continue }
            guard services.count < policy.naptrRecords else {
                walk.note("more than \(policy.naptrRecords) NAPTR records can be used; the rest is ignored")
                break
            }
            services.append(Service(order: record.order, transport: transport, replacement: record.replacement))
        }
        if !services.isEmpty {
            walk.publishesTLS = records.contains { Self.service($0) == .tls && Self.isTerminal($0) }
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

    /// The transport that a record leads to; nil when it is not to be used, and then said why.
    private func transport(_ record: NAPTRData, _ walk: inout Walk) -> SIPTransport? {
        let words = "NAPTR \(Self.words(record))"
        guard let transport = Self.service(record) else {
            walk.passOver("\(words): no service that is spoken here")
            return nil
        }
        guard Self.isTerminal(record) else {
            walk.note("\(words) is in error: SIP wants the flag \"s\", no regular expression and a replacement")
            return nil
        }
        guard policy.transports.contains(transport) else {
            walk.passOver("\(words): transport \(transport.name) is not among those that may be used")
            return nil
        }
        guard transport != .udp || policy.sendsDatagrams else {
            walk.note("\(words) is not used: this edge has no UDP listener that could send requests there")
            return nil
        }
        guard !isSecure || transport.isSecure else {
            walk.passOver("\(words): clear text is nothing for a SIPS URI")
            return nil
        }
        return transport
    }

    private static func words(_ record: NAPTRData) -> String {
        "\(record.order) \(record.preference) '\(record.services)' \(record.replacement)"
    }

    private static func isTerminal(_ record: NAPTRData) -> Bool {
        record.flags.lowercased() == "s" && record.regexp.isEmpty && !record.replacement.isRoot
    }

    private static func service(_ record: NAPTRData) -> SIPTransport? {
        switch record.services.lowercased() {
        case "sips+d2t": .tls
        case "sip+d2t": .tcp
        case "sip+d2u": .udp
        default: nil
        }
    }
}
