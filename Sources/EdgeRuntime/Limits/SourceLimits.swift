// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage
package import SIPProxy

/// What one source may ask of the edge (OVL-21): rates a second, each 0 for no limit, and when it is banned.
package struct SourceLimits: Sendable, Hashable {
    /// Requests of one address.
    package var register = 0
    package var invite = 0
    package var other = 0
    /// OPTIONS; 0: they count among the others.
    package var options = 0
    /// Bytes of messages of one address.
    package var bytes = 0
    /// New connections of one address, counted over all workers.
    package var handshakes = 0
    /// Requests on one connection.
    package var connection = 0
    /// Requests on all connections of whom one verified certificate proves.
    package var identity = 0
    /// Requests of all clients together that begin something.
    package var total = 0
    /// How many times as much an IPv4 /24 or IPv6 /48 may as a whole; 0: no limit.
    package var networkFactor = 10
    /// For how many seconds' worth a source that was silent may come at once.
    package var burst = TimeAmount.seconds(5)
    /// Times above a limit within `banWindow` after which a source is banned; 0: never.
    package var banAfter = 0
    /// Requests answered 401, 403 or 404 by a backend within `banWindow`, less those that succeeded, after which it is
    /// (OVL-39); 0: never.
    package var banFailures = 0
    package var banWindow = TimeAmount.seconds(10)
    package var banTime = TimeAmount.minutes(5)
    /// Sources that are never limited and never banned.
    package var trusted: [RouteRule.Network] = []

    package init() {}

    /// Whether nothing has to be counted for any message.
    package var countsNothing: Bool {
        register == 0 && invite == 0 && other == 0 && options == 0 && bytes == 0 && connection == 0 && identity == 0
            && total == 0 && banFailures == 0
    }

    /// Whether an address is never limited.
    package func trusts(_ address: IPAddress) -> Bool { trusted.contains { $0.contains(address) } }
}

extension SourceLimits {
    /// The rates of one address, in the order of `RateClass`.
    var rates: [Int] { [register, invite, other, options, bytes] }

    /// The bucket of a kind of messages; OPTIONS are among the others unless they have one of their own.
    func bucket(_ kind: RateClass) -> RateClass { kind == .options && options == 0 ? .other : kind }
}

/// The bucket that a message is charged to, besides that of bytes.
enum RateClass: Int, Sendable {
    case register, invite, other, options, bytes

    init(_ method: SIPMethod) {
        switch method {
        case .register: self = .register
        case .invite: self = .invite
        case .options: self = .options
        default: self = .other
        }
    }
}
