// SPDX-License-Identifier: Apache-2.0

/// NAPTR records of SIP: what RFC 3263 section 4.1 allows in them, and where they lead.
extension ZoneCheck {
    /// The labels of the SRV name that each service leads to; other services that begin with `SIP` are mistakes.
    static let labels: [String: String] = [
        "sips+d2t": "_sips._tcp.", "sip+d2t": "_sip._tcp.", "sip+d2u": "_sip._udp.", "sip+d2s": "_sip._sctp.",
        "sips+d2s": "_sips._sctp.", "sip+d2w": "", "sips+d2w": "",
    ]

    mutating func checkNAPTR() {
        var hasFallback: Set<DNSName> = []
        for record in zone.records {
            guard case .naptr(let data) = record.record.data else { continue }
            let service = data.services.lowercased()
            guard service.hasPrefix("sip+") || service.hasPrefix("sips+") || service == "sip" || service == "sips",
                let labels = checkForm(record, data)
            else { continue }
            checkReplacement(record, data, labels)
            checkFallback(record, data, labels, &hasFallback)
        }
    }

    /// The labels that the record's service leads to; nil when clients pass the record over.
    private mutating func checkForm(_ record: ZoneRecord, _ data: NAPTRData) -> String? {
        guard let labels = Self.labels[data.services.lowercased()] else {
            let isOverUDP = data.services.lowercased() == "sips+d2u"
            tell(
                record,
                .error,
                isOverUDP
                    ? "SIPS over UDP does not exist (RFC 3263 section 4.1)"
                    : "\"\(data.services)\" is no service of SIP (RFC 3263 section 4.1)",
                publish: isOverUDP ? "\"SIPS+D2T\", or nothing" : "\"SIPS+D2T\", \"SIP+D2T\" or \"SIP+D2U\""
            )
            return nil
        }
        let example = "\"s\" \"\(data.services.uppercased())\" \"\" \(labels.dropLast())"
        if !data.regexp.isEmpty {
            let message =
                data.replacement.isRoot
                ? "SIP uses no regular expression in NAPTR records (RFC 3263 section 4.1)"
                : "a regular expression and a replacement exclude each other (RFC 3403 section 4.1)"
            tell(record, .error, message, publish: example)
            return nil
        }
        guard data.flags.lowercased() == "s" else {
            let message = "the flag of SIP is \"s\", not \"\(data.flags)\" (RFC 3263 section 4.1)"
            tell(record, data.flags.isEmpty ? .warning : .error, message, publish: example)
            return nil
        }
        if data.replacement.isRoot {
            tell(record, .error, "there is no replacement to ask SRV records of", publish: example)
            return nil
        }
        return labels
    }

    private mutating func checkReplacement(_ record: ZoneRecord, _ data: NAPTRData, _ labels: String) {
        let name = data.replacement
        guard name.text.hasPrefix(labels) else {
            let message = "\(data.services.uppercased()) leads to \(name), which is not a name \(labels)…"
            let domain = name.text.split(separator: ".").drop { $0.hasPrefix("_") }.joined(separator: ".")
            return tell(record, .error, message, publish: short(DNSName(labels + domain)) + " as the replacement")
        }
        switch known(name) {
        case .elsewhere: return
        case .alias(let next):
            let message = "the replacement \(name) is an alias"
            tell(record, .warning, message, publish: "\(short(next)) as the replacement, or SRV records there")
        case .sets(let sets):
            let services = sets[.srv] ?? []
            if services.isEmpty {
                let message = "the replacement \(name) has no SRV record"
                tell(record, .error, message, publish: "\(short(name)) IN SRV 10 10 5060 …")
            } else if services.allSatisfy({ record in
                if case .srv(let data) = record.record.data { return data.target.isRoot }
                return false
            }) {
                let message = "the replacement \(name) says with \".\" that the service is not offered"
                tell(record, .error, message, publish: "SRV records with targets there, or no NAPTR record")
            }
        }
    }

    /// Clients that do not ask for NAPTR ask for SRV at the domain itself (RFC 3263 section 4.1, last paragraphs).
    private mutating func checkFallback(
        _ record: ZoneRecord,
        _ data: NAPTRData,
        _ labels: String,
        _ told: inout Set<DNSName>
    ) {
        guard !labels.isEmpty else { return }
        let name = DNSName(labels + record.name.text)
        guard name != data.replacement, told.insert(name).inserted else { return }
        if case .sets(let sets) = known(name), sets[.srv] == nil {
            let message = "clients that skip NAPTR find no SRV record at \(name)"
            tell(record, .warning, message, publish: "\(short(name)) IN SRV, with what \(data.replacement) has")
        }
    }
}
