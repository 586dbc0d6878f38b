// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import Logging

extension ControlPlane {
    /// How often it is looked which responses have to be renewed.
    static let staplingInterval = Duration.seconds(5)

    /// Asks the authorities whose answers are stapled, where it is time; nobody waits for them.
    func renewStaples() async {
        let now = Int64(Date().timeIntervalSince1970)
        let certificates = checked.contexts.certificatesToStaple
        let due = stapling.schedule.due(certificates.map(\.identity), now: now)
        for certificate in certificates where due.contains(certificate.identity) {
            await renewStaple(certificate, now: now)
        }
    }

    private func renewStaple(_ certificate: StapledCertificate, now: Int64) async {
        do {
            guard let responder = certificate.responder else {
                throw OCSPClient.Failure(description: "the certificate names no responder that is asked over http")
            }
            guard let request = certificate.request() else {
                throw OCSPClient.Failure(description: "OpenSSL has no memory for a request")
            }
            let response = try await OCSPClient(group: group, dns: dns).ask(responder, request)
            let endsAt = try certificate.staple(response, now: now)
            stapling.schedule.succeeded(certificate.identity, endsAt: endsAt, now: now)
            stapling.fetched += 1
        } catch {
            stapling.schedule.failed(certificate.identity, now: now)
            stapling.failed += 1
            let reason = ConnectionWords.words(for: error, within: OCSPClient.connectLimit)
            logger.warning(
                "no OCSP response to staple",
                metadata: ["certificate": "\(certificate.file)", "reason": "\(reason)"]
            )
        }
    }

    /// Seconds for which what is stapled still counts, by certificate; 0 where nothing is.
    func stapleSeconds(now: Int64) -> [(file: String, seconds: Int64)] {
        checked.contexts.certificatesToStaple.map { ($0.file, ($0.endsAt(now: now) ?? now) - now) }
    }
}

/// What is fetched to be stapled.
struct Stapling: Sendable {
    var schedule = StapleSchedule()
    var fetched: UInt64 = 0
    var failed: UInt64 = 0
}
