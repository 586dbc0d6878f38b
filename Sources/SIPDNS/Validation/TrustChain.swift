// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// The way from the trust anchor down to names: which of them are zones, which of these are signed, and by what keys.
///
/// It asks for the DS records of each name on the way and the DNSKEY records of each zone, one at a time, and keeps what
/// it has learnt as long as the records live. Time comes in as an argument (RFC 4035 section 5).
struct TrustChain {
    /// Names that are kept; beyond them all are forgotten and asked for anew.
    static let limit = 10_000
    /// The longest that something learnt is believed, and how long a failure is.
    static let longest = UInt32(3600)
    static let failureHold = TimeAmount.seconds(5)

    /// Where a name stands.
    enum Location: Sendable {
        /// This must be known first.
        case ask(DNSQuestion)
        /// The nearest zone at or above the name, and its keys.
        case zone(ZoneKeys)
        /// Below the last signed zone, or below no anchor.
        case insecure
        case bogus(String)
        /// It could not be asked.
        case failed(DNSAnswer.Failure)
    }

    private enum Cut: Sendable {
        /// Another zone begins here, whose keys must fit these DS records.
        case delegated([[UInt8]])
        case zone(ZoneKeys)
        /// The name belongs to the zone above it.
        case none
        case insecure
        /// Neither the name nor anything below it exists.
        case absent
        case bogus(String)
        case failed(DNSAnswer.Failure)
    }

    private let anchors: TrustAnchors
    private var cuts: [DNSName: (cut: Cut, until: NIODeadline)] = [:]

    init(anchors: TrustAnchors) {
        self.anchors = anchors
    }

    /// Where `name` stands at `now`.
    func locate(_ name: DNSName, now: NIODeadline) -> Location {
        guard let start = anchors.zone(above: name) else { return .insecure }
        var zone: ZoneKeys?
        for labels in start.labels.count...max(start.labels.count, name.labels.count) {
            let place = name.suffix(labels)
            switch cut(place, now) {
            case nil: return .ask(DNSQuestion(place, zone == nil ? .dnskey : .ds))
            case .delegated: return .ask(DNSQuestion(place, .dnskey))
            case .zone(let keys): zone = keys
            case .some(.none): continue
            case .insecure: return .insecure
            case .absent: return zone.map { .zone($0) } ?? .bogus("\(start) does not exist")
            case .bogus(let reason): return .bogus(reason)
            case .failed(let kind): return .failed(kind)
            }
        }
        return zone.map { .zone($0) } ?? .bogus("\(start) has no keys")
    }

    private func cut(_ name: DNSName, _ now: NIODeadline) -> Cut? {
        guard let known = cuts[name], known.until > now else { return nil }
        return known.cut
    }

    /// Takes in the response to a question that `locate` wanted to have asked.
    ///
    /// What vouched for it may have expired while the question was on its way. Then it says nothing, and `locate` wants
    /// to know that anew.
    ///
    /// - Parameter time: seconds since 1970, at which signatures must be valid.
    mutating func take(_ message: SignedMessage, for question: DNSQuestion, now: NIODeadline, time: Int64) {
        let learnt =
            question.type == .dnskey
            ? keys(in: message, question.name, now, time) : delegation(in: message, question.name, now, time)
        guard let (cut, seconds) = learnt else { return }
        store(cut, for: question.name, until: now + .seconds(Int64(min(max(seconds, 1), Self.longest))))
        withExtendedLifetime(message) {}
    }

    /// Takes in that there was no response.
    mutating func fail(_ question: DNSQuestion, _ kind: DNSAnswer.Failure, now: NIODeadline) {
        store(.failed(kind), for: question.name, until: now + Self.failureHold)
    }

    /// Forgets what went wrong, so that another server is heard.
    mutating func forgetFailures() {
        cuts = cuts.filter { entry in
            switch entry.value.cut {
            case .bogus, .failed: false
            default: true
            }
        }
    }

    private mutating func store(_ cut: Cut, for name: DNSName, until: NIODeadline) {
        if cuts.count >= Self.limit { cuts = [:] }
        cuts[name] = (cut, until)
    }

    private static let failureSeconds = UInt32(failureHold.nanoseconds / 1_000_000_000)

    /// The keys of a zone, of which one that an anchor or a DS record vouches for must have signed them all.
    private func keys(
        in message: SignedMessage,
        _ name: DNSName,
        _ now: NIODeadline,
        _ time: Int64
    ) -> (Cut, UInt32)? {
        guard let vouchers = vouchers(of: name, now) else { return nil }
        guard let set = message.answer(name, .dnskey) else {
            return (.bogus("\(name) has no DNSKEY record"), Self.failureSeconds)
        }
        let keys = ZoneKeys(set)
        guard let verified = SignatureCheck.verify(set, by: keys.vouched(by: vouchers), time: time) else {
            return (.bogus("no trusted key signed the keys of \(name)"), Self.failureSeconds)
        }
        return (.zone(keys), verified.seconds)
    }

    /// The records that a key of a zone must fit: those of the zone above it, or the operator's; nil when there are none
    /// now.
    private func vouchers(of name: DNSName, _ now: NIODeadline) -> [[UInt8]]? {
        if case .delegated(let signers) = cut(name, now) { return signers }
        let anchors = anchors.records(of: name)
        return anchors.isEmpty ? nil : anchors.compactMap { WireRecord.bytes($0) }
    }

    /// What the zone above says of `name`: a signed zone, an unsigned one, or no zone at all.
    private func delegation(
        in message: SignedMessage,
        _ name: DNSName,
        _ now: NIODeadline,
        _ time: Int64
    ) -> (Cut, UInt32)? {
        guard let parent = name.parent, case .zone(let zone) = locate(parent, now: now) else { return nil }
        if let set = message.answer(name, .ds) {
            guard let verified = SignatureCheck.verify(set, by: zone, time: time),
                verified.labels == SignatureCheck.labelCount(name)
            else {
                return (.bogus("the DS record of \(name) is not signed by \(zone.zone)"), Self.failureSeconds)
            }
            let usable = DelegationSigner.usable(set)
            return (usable.isEmpty ? .insecure : .delegated(usable), verified.seconds)
        }
        if let alias = alias(at: name, in: message, zone, time) { return alias }
        let (denial, seconds) = message.denial(by: zone, time: time)
        let isAbsent = message.code == 3
        switch isAbsent ? denial.absence(of: name) : denial.absence(of: .ds, at: name) {
        case .proven where isAbsent: return (.absent, seconds)
        case .proven: return (denial.isDelegation(name) ? .insecure : .none, seconds)
        case .optOut: return (.insecure, seconds)
        case .none:
            return (.bogus("\(zone.zone) does not prove that \(name) has no DS record"), Self.failureSeconds)
        }
    }
}

extension TrustChain {
    /// An alias in the place of a DS record: the name is no zone (RFC 1034 section 3.6.2).
    ///
    /// One that a wildcard made counts only when no nearer name exists; nil when nothing shows that.
    private func alias(
        at name: DNSName,
        in message: SignedMessage,
        _ zone: ZoneKeys,
        _ time: Int64
    ) -> (Cut, UInt32)? {
        guard let set = message.answer(name, .cname),
            let verified = SignatureCheck.verify(set, by: zone, time: time)
        else { return nil }
        guard verified.labels < SignatureCheck.labelCount(name) else { return (.none, verified.seconds) }
        let (denial, seconds) = message.denial(by: zone, time: time)
        switch denial.expansion(to: name, labels: verified.labels) {
        case .proven: return (.none, min(verified.seconds, seconds))
        case .optOut: return (.insecure, min(verified.seconds, seconds))
        case .none: return nil
        }
    }
}

extension SignedMessage {
    /// What the records of the authority section prove that the zone signed, and for how many seconds.
    func denial(by zone: ZoneKeys, time: Int64) -> (denial: Denial, seconds: UInt32) {
        var records: [DenialRecord] = []
        var seconds = TrustChain.longest
        for set in absence.prefix(Self.denialLimit) {
            guard let verified = SignatureCheck.verify(set, by: zone, time: time) else { continue }
            seconds = min(seconds, verified.seconds)
            if let record = DenialRecord(set, labels: verified.labels) { records.append(record) }
        }
        return (Denial(zone: zone.zone, records: records), seconds)
    }

    /// Sets that one proof may need: SOA, and three NSEC3 records (RFC 5155 section 7.2.2), with room to spare.
    private static var denialLimit: Int { 12 }
}
