// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// SRV records: names that clients ask for, targets that have addresses, weights and times that do what they say.
extension ZoneCheck {
    /// One SRV record with its data.
    private struct Service {
        let record: ZoneRecord
        let data: SRVData
    }

    mutating func checkServices() {
        var sets: [DNSName: [Service]] = [:]
        for record in zone.records {
            if case .srv(let data) = record.record.data {
                sets[record.name, default: []].append(Service(record: record, data: data))
            }
        }
        var targets: Set<DNSName> = []
        for (name, services) in sets.sorted(by: { $0.key.text < $1.key.text }) where isSIP(name) {
            checkOwner(name, services)
            checkDuplicates(services)
            checkWeights(name, services)
            checkTimes(services)
            for service in services { check(service, isAlone: services.count == 1, &targets) }
        }
    }

    private func isSIP(_ name: DNSName) -> Bool {
        name.text.hasPrefix("_sip._") || name.text.hasPrefix("_sips._")
    }

    private mutating func checkOwner(_ name: DNSName, _ services: [Service]) {
        guard let first = services.first, !(services.count == 1 && first.data.target.isRoot) else { return }
        for (wrong, right, reason) in [
            ("_sips._udp.", "_sips._tcp.", "SIPS over UDP does not exist (RFC 3263 section 4.1)"),
            ("_sip._tls.", "_sips._tcp.", "no client asks for _sip._tls: TLS runs over TCP (RFC 3263 section 4.1)"),
            ("_sips._tls.", "_sips._tcp.", "no client asks for _sips._tls: TLS runs over TCP (RFC 3263 section 4.1)"),
        ] where name.text.hasPrefix(wrong) {
            let owner = DNSName(right + name.text.dropFirst(wrong.count))
            tell(first.record, .error, reason, publish: "\(short(owner)) IN SRV \(data(first.data))")
        }
    }

    private func data(_ data: SRVData) -> String {
        "\(data.priority) \(data.weight) \(data.port) \(short(data.target))"
    }

    private mutating func checkDuplicates(_ services: [Service]) {
        var seen: Set<[String]> = []
        for service in services where !service.data.target.isRoot {
            let place = ["\(service.data.priority)", "\(service.data.port)", service.data.target.text]
            guard !seen.insert(place).inserted else { continue }
            tell(
                service.record,
                .warning,
                "\(service.data.target):\(service.data.port) stands twice in priority \(service.data.priority)",
                publish: "one record, with the sum of the weights"
            )
        }
    }

    private mutating func checkWeights(_ name: DNSName, _ services: [Service]) {
        let usable = services.filter { !$0.data.target.isRoot && $0.data.port > 0 }
        for (priority, group) in Dictionary(grouping: usable, by: \.data.priority) {
            guard group.count > 1, group.allSatisfy({ $0.data.weight == 0 }), let first = group.first else { continue }
            tell(
                first.record,
                .warning,
                "all weights of \(name) in priority \(priority) are 0: the servers share evenly (RFC 2782)",
                publish: "equal weights such as 10 when that is meant"
            )
        }
    }

    /// One finding for a set: its records have one TTL (RFC 2181 section 5.2).
    private mutating func checkTimes(_ services: [Service]) {
        if let long = services.first(where: { $0.record.record.ttl > Self.longestTTL }) { tellTime(long.record) }
        guard let none = services.first(where: { $0.record.record.ttl == 0 }) else { return }
        tell(
            none.record,
            .warning,
            "a TTL of 0 lets every request wait for DNS, and none outlive its failure",
            publish: "a TTL of 30 to 300 seconds"
        )
    }

    private mutating func tellTime(_ record: ZoneRecord) {
        tell(
            record,
            .warning,
            "a TTL of \(record.record.ttl) seconds keeps a dead server in use that long",
            publish: "a TTL of 30 to 300 seconds"
        )
    }

    private mutating func check(_ service: Service, isAlone: Bool, _ targets: inout Set<DNSName>) {
        let (record, data) = (service.record, service.data)
        if data.target.isRoot {
            guard !isAlone else { return }
            let message = "the target \".\" says that the service is not offered, which other records deny (RFC 2782)"
            return tell(record, .error, message, publish: "either \".\" alone or the other records")
        }
        if data.port == 0 {
            tell(record, .error, "port 0 is no port", publish: "the port that the server listens on, such as 5060")
        }
        if isAddress(data.target) {
            let message = "the target \(short(data.target)) is an address; SRV needs a name (RFC 2782)"
            return tell(record, .error, message, publish: "a name with an A or AAAA record")
        }
        switch known(data.target) {
        case .elsewhere: return
        case .alias(let next):
            let message = "the target \(data.target) is an alias, which RFC 2782 forbids"
            tell(record, .error, message, publish: "\(short(next)) as the target")
        case .sets(let sets):
            let addresses = (sets[.a] ?? []) + (sets[.aaaa] ?? [])
            guard !addresses.isEmpty else {
                let message = "the target \(data.target) has no address"
                return tell(record, .error, message, publish: "\(short(data.target)) IN A … or IN AAAA …")
            }
            guard targets.insert(data.target).inserted,
                let long = addresses.first(where: { $0.record.ttl > Self.longestTTL && zone.records.contains($0) })
            else { return }
            tellTime(long)
        }
    }

    /// Whether a name is an IPv4 address in writing, with or without the origin behind it.
    private func isAddress(_ name: DNSName) -> Bool {
        IPAddress(parsing: name.text) != nil || IPAddress(parsing: short(name)) != nil
    }
}
