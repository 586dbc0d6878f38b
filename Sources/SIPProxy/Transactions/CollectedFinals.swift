// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// The finals of a request's attempts of which none has been forwarded (RFC 3261 section 16.7(6)); most requests have none.
final class CollectedFinals {
    /// The best of them.
    private(set) var best: SIPMessage
    /// Whether its sender may speak of users' identities.
    private(set) var isBestBelieved: Bool
    /// The challenge lines of the others.
    private(set) var challenges: [ByteBuffer] = []

    init(_ first: SIPMessage, isBelieved: Bool) {
        best = first
        isBestBelieved = isBelieved
    }

    /// Keeps the better of two (PRX-56): 6xx, then the lowest class, then what steers a new try.
    func add(_ response: SIPMessage, isBelieved: Bool) {
        let isBetter = Self.rank(response.status) < Self.rank(best.status)
        keepChallenges(of: isBetter ? best : response)
        guard isBetter else { return }
        best = response
        isBestBelieved = isBelieved
    }

    /// The challenges of all that answered 401 or 407 go up with the best (RFC 3261 section 16.7(7), PRX-60).
    private func keepChallenges(of response: SIPMessage) {
        guard response.status == 401 || response.status == 407 else { return }
        for field in response.headers where field.name == .wwwAuthenticate || field.name == .proxyAuthenticate {
            challenges.append(response.bytes.slice(field.line))
        }
    }

    private static func rank(_ status: UInt16) -> Int {
        switch status {
        case 600...: 0
        case 401, 407, 415, 420, 484: Int(status / 100) * 10
        case 503: 59
        default: Int(status / 100) * 10 + 1
        }
    }
}
