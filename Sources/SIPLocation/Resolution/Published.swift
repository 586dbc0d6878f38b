// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What the records say of the servers at one host.
package struct Published: Sendable, Hashable {
    /// The SRV name whose record names the host; empty when none does.
    package var service = ""
    package var name: String
    package let transport: SIPTransport
    package let port: UInt16
    package var rank: UInt16 = 0
    package var priority: UInt16 = 0
    package var weight: UInt16 = 0
    package var addressOrder: UInt8 = 0
    /// When the first of the records expires.
    package var expiresAt: NIODeadline?
    /// Whether DNSSEC secures the records that lead to the host.
    var isSecure = false
    /// How the host is authenticated by DANE; nil: not at all.
    package var dane: DANEPlan?

    /// Whether an SRV record names it.
    var isTarget: Bool { !service.isEmpty }

    init(name: String, _ transport: SIPTransport, port: UInt16) {
        self.name = name
        self.transport = transport
        self.port = port
    }

    /// The same, as it rests on one more answer.
    func resting(on answer: DNSAnswer) -> Published {
        var copy = self
        copy.expiresAt = min(expiresAt ?? answer.expiresAt, answer.expiresAt)
        return copy
    }
}

/// A part of a target that could not be asked: what was known of it before should go on (LOC-57).
package enum UnansweredPart: Sendable, Hashable {
    /// The SRV records of this name.
    case service(String)
    /// The addresses of one family of a host that records name.
    case addresses(Published, isIPv6: Bool)
}
