// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// A certificate that does not prove `partner.example.test`, and what the edge says of it to its log.
struct BadCertificate: Sendable {
    /// What a log line must hold.
    enum Refusal: Sendable {
        /// TLS fails, for a class and in words.
        case handshake(reason: String, words: String)
        /// The certificate holds, but proves these domains only; the handshake is done by then.
        case identities(String)
    }

    let leaf: TestCertificates.Leaf
    /// Its subject, by which its lines are found.
    let subject: String
    /// Its issuer, by which a stranger's is told from one whose chain has a gap.
    let issuer: String
    let fromClient: Refusal
    let fromBackend: Refusal

    static let domain = "partner.example.test"
    static let names = ["URI:sip:\(domain)", "DNS:\(domain)"]

    /// The ten kinds, shown by a server or by a client.
    static func all(_ certificates: TestCertificates, ofServer isServer: Bool) throws -> [BadCertificate] {
        let make = Maker(certificates: certificates)
        let gap = "unable to get local issuer certificate"
        let (other, wrongUse) = (isServer ? "server" : "client", isServer ? "clientAuth" : "serverAuth")
        return [
            make.invalid(
                "expired",
                "certificate has expired",
                try certificates.leaf("expired", names: names, days: -1)
            ),
            make.invalid(
                "early",
                "certificate is not yet valid",
                try certificates.leaf("early", names: names, startsIn: 2)
            ),
            make.misnamed(
                "misnamed",
                "other.example.test",
                try certificates.leaf("misnamed", names: ["DNS:other.example.test"])
            ),
            make.invalid(
                "own",
                "self-signed certificate",
                try certificates.leaf("own", names: names, issuer: .itself),
                issuer: "CN=own"
            ),
            make.invalid(
                "stranger",
                gap,
                try certificates.leaf("stranger", names: names, issuer: .otherAuthority),
                issuer: "CN=Brana test other"
            ),
            make.invalid("revoked", "certificate revoked", try certificates.leaf("revoked", names: names)),
            make.misnamed("wild", "*.example.test", try certificates.leaf("wild", names: ["DNS:*.example.test"])),
            make.misnamed(domain, nil, try certificates.leaf(domain)),
            make.invalid(
                "purpose",
                "the certificate's key usages do not allow it to be a \(other)'s",
                try certificates.leaf("purpose", names: names, usages: [wrongUse])
            ),
            make.invalid(
                "gap",
                gap,
                try certificates.leaf("gap", names: names, issuer: .intermediate, includesChain: false),
                issuer: "CN=intermediate"
            ),
        ]
    }

    private struct Maker {
        let certificates: TestCertificates

        func invalid(
            _ name: String,
            _ words: String,
            _ leaf: TestCertificates.Leaf,
            issuer: String = "CN=Brana test ca"
        ) -> BadCertificate {
            let refusal = Refusal.handshake(reason: "certificate_invalid", words: words)
            return BadCertificate(
                leaf: leaf,
                subject: "CN=\(name)",
                issuer: issuer,
                fromClient: refusal,
                fromBackend: refusal
            )
        }

        /// - Parameter proven: the domain that it does prove.
        func misnamed(_ name: String, _ proven: String?, _ leaf: TestCertificates.Leaf) -> BadCertificate {
            BadCertificate(
                leaf: leaf,
                subject: "CN=\(name)",
                issuer: "CN=Brana test ca",
                fromClient: .identities(proven ?? "none"),
                fromBackend: .handshake(
                    reason: "name_mismatch",
                    words: "the certificate is for \(proven ?? "no SIP domain"), not for 127.0.0.1 or \(domain)"
                )
            )
        }
    }

    /// The lines of a log about its refusal.
    func lines(in log: String, of refusal: Refusal, side: String) -> [Substring] {
        log.split(separator: "\n").filter { line in
            guard line.contains(subject) else { return false }
            switch refusal {
            case .handshake(let reason, let words):
                let parts = [
                    "TLS handshake failed", "reason=\(reason)", "side=\(side)", words, issuer, "peer=127.0.0.1:",
                ]
                return parts.allSatisfy { line.contains($0) }
            case .identities(let names):
                return line.contains("peer is not allowed") && line.contains("identities=\(names)")
            }
        }
    }
}
