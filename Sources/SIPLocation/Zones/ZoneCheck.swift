// SPDX-License-Identifier: Apache-2.0

/// Looks through a zone for what RFC 3263 clients stumble over (LOC-74).
package struct ZoneCheck {
    /// Seconds above which a TTL forbids quick failover: a dead server stays in use for that long.
    static let longestTTL: UInt32 = 300

    let zone: Zone
    let file: String
    /// Zones that are checked in the same run: names in them can be looked up too.
    let neighbours: [Zone]
    var findings: [ZoneFinding] = []

    /// Everything that is wrong, in the order of the lines.
    package static func findings(in zone: Zone, file: String, neighbours: [Zone] = []) -> [ZoneFinding] {
        var check = ZoneCheck(zone: zone, file: file, neighbours: neighbours)
        check.checkNAPTR()
        check.checkServices()
        check.checkDomains()
        return check.findings.enumerated().sorted { ($0.1.line, $0.0) < ($1.1.line, $1.0) }.map(\.1)
    }

    private init(zone: Zone, file: String, neighbours: [Zone]) {
        self.zone = zone
        self.file = file
        self.neighbours = neighbours
    }

    mutating func tell(
        _ record: ZoneRecord,
        _ severity: ZoneFinding.Severity,
        _ message: String,
        publish advice: String?
    ) {
        findings.append(
            ZoneFinding(file: file, line: record.line, severity: severity, message: message, advice: advice)
        )
    }

    /// What is known of a name.
    enum Known {
        /// It lies in none of the zones at hand.
        case elsewhere
        case alias(DNSName)
        case sets([DNSRecordType: [ZoneRecord]])
    }

    func known(_ name: DNSName) -> Known {
        let holding = (neighbours + [zone]).filter { name.isWithin($0.origin) }
        guard let nearest = holding.max(by: { $0.origin.text.utf8.count < $1.origin.text.utf8.count }),
            nearest.delegation(of: name) == nil
        else { return .elsewhere }
        let source = nearest.exists(name) ? name : nearest.closestEncloser(of: name).prefixed("*")
        let sets = nearest.sets(of: source) ?? [:]
        if case .cname(let target)? = sets[.cname]?.first?.record.data { return .alias(target) }
        return .sets(sets)
    }

    /// The name as it can stand in the file: the origin left out.
    func short(_ name: DNSName) -> String {
        if name == zone.origin { return "@" }
        guard name.isWithin(zone.origin), !zone.origin.isRoot else { return "\(name)." }
        return String(name.text.dropLast(zone.origin.text.count + 1))
    }
}
