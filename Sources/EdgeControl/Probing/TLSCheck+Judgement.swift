// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy

/// What a pool would do with a server that is looked at.
extension TLSCheck {
    /// What one policy came to.
    struct Judgement: Sendable {
        let verdict: DANEVerdict
        let failure: Failure?
        let matched: CertificateAssociation?
        let words: String
    }

    /// Connects as a pool would by that verdict, or does not.
    ///
    /// - Parameter later: why the server let go of a connection that accepts anything, if it did.
    func judge(
        _ place: String,
        with context: TLSContext,
        _ verdict: DANEVerdict,
        _ later: Failure?
    ) async -> Judgement {
        if case .skip(let reason) = verdict {
            let failure = Failure(reason: "dane_skipped", words: "left out: \(reason)")
            return Judgement(verdict: verdict, failure: failure, matched: nil, words: failure.words)
        }
        let judged = await attempt(place, with: context, role(by: verdict))
        let failure = judged.failure ?? later
        var matched: CertificateAssociation?
        if case .done(let offer, _) = judged { matched = offer.matched }
        let words = failure?.words ?? "it has proved \(Self.words(verdict, name))"
        return Judgement(verdict: verdict, failure: failure, matched: matched, words: words)
    }

    /// Whom a pool asks the server to be, and what it must prove.
    private func role(by verdict: DANEVerdict) -> TLSRole {
        let endpoint = Endpoint(transport: .tls, address: .v4(0), port: UInt16(clamping: port))
        var setup = BackendSetup(
            tls: nil,
            serverName: name,
            verifiesName: true,
            acceptsWildcards: acceptsWildcards,
            connections: 1,
            queue: 1
        )
        setup.alternativeNames = alternativeNames
        if case .plan(let plan) = verdict { setup.plans = [endpoint: plan] }
        return setup.role(towards: BackendTarget(endpoint: endpoint, pool: nil))
    }

    private static func words(_ verdict: DANEVerdict, _ name: String) -> String {
        guard case .plan(let plan) = verdict else { return "a certificate for \(name)" }
        return plan.records.isEmpty ? "a certificate for \(name) or \(plan.target)" : plan.description
    }
}
