// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// What DNS says of one server: its addresses and its TLSA records.
struct DANELookup: Sendable {
    let target: DNSName
    let port: UInt16
    let addresses: [DNSAnswer]
    let tlsa: DNSAnswer

    /// Asks for them.
    ///
    /// - Throws: what is wrong with the name server or the trust anchor that were given.
    static func make(_ options: ResolutionReport.Options, port: Int) async throws -> DANELookup {
        let target = DNSName(options.target)
        let port = UInt16(clamping: port)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let client = try await DNSClient(loop: loop, settings: try ResolutionReport.clientSettings(options))
        let questions = [DNSQuestion(target, .a), DNSQuestion(target, .aaaa), .tlsa(target, port: port)]
        var answers: [DNSAnswer] = []
        for future in questions.map({ client.ask($0) }) { answers.append(try await future.get()) }
        return DANELookup(target: target, port: port, addresses: Array(answers[..<2]), tlsa: answers[2])
    }

    /// The first address, which the check connects to.
    var address: IPAddress? {
        addresses.flatMap(\.records).lazy.compactMap {
            if case .address(let address) = $0.data { address } else { nil }
        }
        .first
    }

    var records: [TLSAData] {
        tlsa.records.compactMap { if case .tlsa(let data) = $0.data { data } else { nil } }
    }

    /// Whether all that DANE would rest on was looked at by DNSSEC.
    var isChecked: Bool { (addresses + [tlsa]).allSatisfy { $0.security != .unchecked || $0.isFailure } }

    /// What each policy of a pool makes of the server.
    func verdict(_ mode: ResolutionPolicy.DANE) -> DANEVerdict {
        DANEVerdict(mode, target: target, port: port, addresses: addresses, tlsa: tlsa)
    }
}

extension TLSCheckReport {
    /// What TLSA records say of the server, were it the target of secure SRV records, and what pools make of it.
    package struct DANE: Sendable, Codable {
        package struct Record: Sendable, Codable {
            package let usage: UInt8
            package let selector: UInt8
            package let matching: UInt8
            /// In hexadecimal digits.
            package let data: String
            package let isUsable: Bool
            /// Whether it is the one that the certificate was accepted by.
            package let isMatched: Bool
        }

        /// What a pool with `dane` set so does with the server.
        package struct Policy: Sendable, Codable {
            package let dane: String
            package let isAccepted: Bool
            package let words: String
        }

        package let question: String
        /// How many records there are, or why none.
        package let outcome: String
        /// `secure`, `insecure`, `bogus`, or `unchecked` where nobody asked.
        package let dnssec: String
        package let addressesDnssec: String
        package let records: [Record]
        /// Empty where DNSSEC was not asked for: the records count for nothing then.
        package let policies: [Policy]

        init(_ lookup: DANELookup, matched: CertificateAssociation?, policies: [Policy]) {
            let question = DNSQuestion.tlsa(lookup.target, port: lookup.port)
            let query = ResolutionReport.query(question, lookup.tlsa, now: .now())
            (self.question, outcome, dnssec) = (query.question, query.outcome, query.dnssec)
            let answered = lookup.addresses.filter { !$0.isFailure }
            let isSecure = answered.contains { $0.security == .secure }
            addressesDnssec =
                isSecure ? DNSAnswer.Security.secure.rawValue : answered.first?.security.rawValue ?? "failed"
            records = lookup.records.map { data in
                Record(
                    usage: data.usage,
                    selector: data.selector,
                    matching: data.matching,
                    data: data.data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
                    isUsable: data.isUsable,
                    isMatched: matched.map { CertificateAssociation(data) == $0 } ?? false
                )
            }
            self.policies = policies
        }

        var lines: [String] {
            var lines = ["  \(question): \(outcome), \(dnssec); addresses: \(addressesDnssec)"]
            for record in records {
                let data = record.data.prefix(16) + (record.data.count > 16 ? "…" : "")
                let state = record.isMatched ? ": matches the certificate" : record.isUsable ? "" : ": not usable"
                lines.append("    \(record.usage) \(record.selector) \(record.matching) \(data)\(state)")
            }
            if policies.isEmpty {
                lines.append("    not validated, so that it counts for nothing: ask with --dnssec trust-ad or validate")
            }
            for policy in policies {
                lines.append("  dane: \(policy.dane): \(policy.isAccepted ? "accepted" : "refused"): \(policy.words)")
            }
            return lines.map(LogText.printable)
        }
    }
}
