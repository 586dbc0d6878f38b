// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What DANE makes of one server by itself, as it would be if secure SRV records named it (RFC 7673 section 3).
package enum DANEVerdict: Sendable, Hashable {
    /// Its certificate is judged as it would be without DANE.
    case doesNotApply
    case plan(DANEPlan)
    /// It is not connected to, and why.
    case skip(String)

    /// - Parameters:
    ///   - addresses: the answers for its addresses, of one family or of both.
    ///   - tlsa: the answer for its TLSA records.
    package init(
        _ mode: ResolutionPolicy.DANE,
        target: DNSName,
        port: UInt16,
        addresses: [DNSAnswer],
        tlsa: DNSAnswer
    ) {
        guard mode != .off else {
            self = .doesNotApply
            return
        }
        guard addresses.contains(where: { !$0.isFailure }) else {
            self = .skip("its addresses could not be asked for")
            return
        }
        var published = Published(name: target.text, .tls, port: port)
        published.service = "_sips._tcp"
        published.isSecure = true
        switch DANEDecision(mode, target, published, addresses: addresses, tlsa: { _ in tlsa }) {
        case .doesNotApply, .ask: self = .doesNotApply
        case .plan(let plan): self = .plan(plan)
        case .skip(let reason): self = .skip(reason)
        }
    }
}
