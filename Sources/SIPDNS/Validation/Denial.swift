// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation

/// What the NSEC and NSEC3 records of a response prove (RFC 4035 section 5.4, RFC 5155 section 8).
///
/// ldns hashes; its own proofs, `ldns_dnssec_verify_denial` and its sister, are not used: they look for the
/// wildcard of the parent instead of the closest encloser's, take a parent's word for what is below a delegation, and
/// refuse empty non-terminals and wildcards without data.
struct Denial {
    /// Hash iterations beyond which a zone counts as insecure (RFC 9276 section 3.2): each costs time here.
    static let iterationLimit: UInt16 = 150

    enum Proof: Hashable {
        case proven
        /// The name may be an unsigned delegation: nothing is proven, and nothing is wrong (RFC 5155 section 9.2).
        case optOut
        case none
    }

    let zone: DNSName
    private let plain: [DenialRecord]
    private let hashed: [DenialRecord]
    /// Whether checking would cost more than a zone may ask for.
    private let isTooCostly: Bool

    /// - Parameter records: those whose signatures hold, all of `zone`.
    init(zone: DNSName, records: [DenialRecord]) {
        self.zone = zone
        plain = records.filter { !$0.isHashed }
        // One chain, by the one hash that there is: SHA-1.
        let first = records.first { $0.hashing?.algorithm == 1 && $0.owner.parent == zone }?.hashing
        hashed = records.filter { $0.hashing == first && first != nil && $0.owner.parent == zone }
        isTooCostly = first.map { $0.iterations > Self.iterationLimit } ?? false
    }

    /// Whether `name` does not exist, and no wildcard stands for it.
    func absence(of name: DNSName) -> Proof {
        guard name.isWithin(zone), !isTooCostly else { return unprovable }
        if let cover = plainCover(of: name) {
            guard cover.next.map({ !$0.isWithin(name) }) ?? false else { return .none }
            let wildcard = encloser(of: name, by: cover).prefixed("*")
            return plain.contains { $0.covers(wildcard) } ? .proven : .none
        }
        guard let (encloser, cover) = hashedEncloser(of: name) else { return .none }
        if cover.isOptOut { return .optOut }
        return hashedCover(of: encloser.prefixed("*")) != nil ? .proven : .none
    }

    /// Whether `name` exists, or a wildcard stands for it, and there are no records of that type.
    func absence(of type: DNSRecordType, at name: DNSName) -> Proof {
        guard name.isWithin(zone), !isTooCostly else { return unprovable }
        if let match = plain.first(where: { $0.owner == name }) { return match.lacks(type) ? .proven : .none }
        if let cover = plainCover(of: name) {
            // An empty non-terminal: it exists because something below it does.
            if cover.next.map({ $0.isWithin(name) }) ?? false { return .proven }
            let wildcard = encloser(of: name, by: cover).prefixed("*")
            return plain.contains { $0.owner == wildcard && $0.lacks(type) } ? .proven : .none
        }
        if let match = hashedMatch(name) { return match.lacks(type) ? .proven : .none }
        guard let (encloser, cover) = hashedEncloser(of: name) else { return .none }
        if cover.isOptOut { return .optOut }
        return hashedMatch(encloser.prefixed("*")).map { $0.lacks(type) } ?? false ? .proven : .none
    }

    /// Whether nothing nearer to `name` exists than the wildcard of `labels` labels that answered for it (RFC 4035
    /// section 5.3.4, RFC 5155 section 8.8).
    func expansion(to name: DNSName, labels: Int) -> Proof {
        guard name.isWithin(zone), !isTooCostly else { return unprovable }
        if let cover = plainCover(of: name) {
            return encloser(of: name, by: cover).labels.count <= labels ? .proven : .none
        }
        guard let cover = hashedCover(of: name.suffix(labels + 1)) else { return .none }
        return cover.isOptOut ? .optOut : .proven
    }

    /// Whether a record says that `name` is delegated.
    func isDelegation(_ name: DNSName) -> Bool {
        (plain.first { $0.owner == name } ?? hashedMatch(name))?.isDelegation ?? false
    }

    private var unprovable: Proof { isTooCostly ? .optOut : .none }

    // MARK: NSEC

    private func plainCover(of name: DNSName) -> DenialRecord? {
        plain.first { $0.covers(name) && !($0.isSilentBelow && name.isWithin($0.owner)) }
    }

    /// The nearest name above `name` that exists, by the two names between which it would stand.
    private func encloser(of name: DNSName, by cover: DenialRecord) -> DNSName {
        func common(_ other: DNSName) -> Int {
            zip(name.labels.reversed(), other.labels.reversed()).prefix { $0 == $1 }.count
        }
        return name.suffix(max(common(cover.owner), cover.next.map(common) ?? 0))
    }

    // MARK: NSEC3

    private func hashedMatch(_ name: DNSName) -> DenialRecord? {
        guard let hash = hashed.first?.hashed(name, zone: zone) else { return nil }
        return hashed.first { $0.owner == hash }
    }

    private func hashedCover(of name: DNSName) -> DenialRecord? {
        guard let hash = hashed.first?.hashed(name, zone: zone) else { return nil }
        return hashed.first { $0.covers(hash) }
    }

    /// The closest encloser, and what shows that the name below it on the way to `name` does not exist (RFC 5155 section
    /// 8.3).
    private func hashedEncloser(of name: DNSName) -> (encloser: DNSName, cover: DenialRecord)? {
        guard !hashed.isEmpty else { return nil }
        let count = name.labels.count
        for labels in stride(from: count - 1, through: zone.labels.count, by: -1) {
            guard let match = hashedMatch(name.suffix(labels)) else { continue }
            guard !match.isSilentBelow, let cover = hashedCover(of: name.suffix(labels + 1)) else { return nil }
            return (name.suffix(labels), cover)
        }
        return nil
    }
}
