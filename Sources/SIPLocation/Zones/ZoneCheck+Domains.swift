// SPDX-License-Identifier: Apache-2.0

/// What a domain's records say taken together: NAPTR records for what it offers, and TLS first (RFC 3263 section 6).
extension ZoneCheck {
    /// The services that a domain can offer, in the order in which NAPTR should name them.
    private static let services = [
        (service: "SIPS+D2T", labels: "_sips._tcp.", order: 10), (service: "SIP+D2T", labels: "_sip._tcp.", order: 20),
        (service: "SIP+D2U", labels: "_sip._udp.", order: 30),
    ]

    mutating func checkDomains() {
        var sets: [DNSName: [(record: ZoneRecord, data: NAPTRData)]] = [:]
        for record in zone.records {
            if case .naptr(let data) = record.record.data, data.services.lowercased().hasPrefix("sip") {
                sets[record.name, default: []].append((record, data))
            }
        }
        for set in sets.values { checkOrder(set) }
        checkOffers(sets)
    }

    /// Clients take the lowest order, and inside it the lowest preference: clear text before TLS is what they then use.
    private mutating func checkOrder(_ set: [(record: ZoneRecord, data: NAPTRData)]) {
        let usable = set.filter { $0.data.flags.lowercased() == "s" && $0.data.regexp.isEmpty }
        guard let secure = usable.filter({ $0.data.services.lowercased() == "sips+d2t" }).min(by: precedes) else {
            return
        }
        for clear in usable where clear.data.services.lowercased().hasPrefix("sip+") && precedes(clear, secure) {
            tell(
                clear.record,
                .warning,
                "\(clear.data.services.uppercased()) stands before TLS: clients that speak both use clear text",
                publish: "SIPS+D2T with the lowest order"
            )
        }
    }

    private func precedes(
        _ left: (record: ZoneRecord, data: NAPTRData),
        _ right: (record: ZoneRecord, data: NAPTRData)
    ) -> Bool {
        (left.data.order, left.data.preference) < (right.data.order, right.data.preference)
    }

    /// SRV records that no NAPTR record of their domain leads to: clients that ask NAPTR do not find them.
    private mutating func checkOffers(_ sets: [DNSName: [(record: ZoneRecord, data: NAPTRData)]]) {
        let replacements = Set(sets.values.joined().map(\.data.replacement))
        var told: Set<DNSName> = []
        for record in zone.records {
            guard case .srv(let data) = record.record.data, !data.target.isRoot, !replacements.contains(record.name),
                let offer = Self.services.first(where: { record.name.text.hasPrefix($0.labels) })
            else { continue }
            let domain = DNSName(record.name.text.dropFirst(offer.labels.count))
            let set = sets[domain] ?? []
            guard !set.contains(where: { $0.data.services.uppercased() == offer.service }),
                told.insert(set.isEmpty ? domain : record.name).inserted
            else { continue }
            let message =
                set.isEmpty
                ? "\(domain) has no NAPTR record of SIP: clients have to guess the transport"
                : "the NAPTR records of \(domain) leave out \(record.name)"
            let example = "\(offer.order) 50 \"s\" \"\(offer.service)\" \"\" \(short(record.name))"
            tell(record, .warning, message, publish: "\(short(domain)) IN NAPTR \(example)")
        }
    }
}
