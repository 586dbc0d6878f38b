// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Where one request is on its way through the servers of a next hop that a Route or its Request-URI names (RFC 3263
/// section 4.3).
///
/// The place belongs to the request, never to what DNS said, so that no request spoils another's order (LOC-16).
final class HopWalk {
    /// Servers that one request may try at a named next hop (PRX-58 speaks of pools alone).
    static let tries: UInt8 = 8
    /// How often one request may ask for the servers of its next hop (LOC-26).
    static let resolutions: UInt8 = 3
    /// How long a request waits for them (LOC-62).
    static let patience = TimeAmount.seconds(3)

    /// The name that was asked for; nil for a literal address.
    let name: NextHopName?
    /// The name that a certificate must prove; nil: the server's address.
    let domain: String?
    /// Servers still to be tried, the next one first.
    private(set) var left: ArraySlice<Endpoint>
    private(set) var tried: [Endpoint] = []
    /// The answer that `left` is taken from.
    private(set) var view: PoolView?
    /// When the first record that `left` rests on expires.
    private(set) var expiresAt: NIODeadline?
    /// The question that is being answered.
    private(set) var resolution: ResolutionID?
    /// When its answer comes too late.
    private(set) var resolveBy: NIODeadline?
    private var asked: UInt8 = 0

    /// A walk through the servers of a name, which must be asked for first.
    init(_ name: NextHopName) {
        self.name = name
        left = []
        domain = name.domain
    }

    /// A walk to the one server that is written.
    init(_ endpoint: Endpoint, domain: String?) {
        name = nil
        left = [endpoint]
        self.domain = domain
    }

    /// Whether its records are past their time, so that they must be asked for again before the next try (RFC 3403
    /// section 3, LOC-26).
    func mustAskAgain(now: NIODeadline) -> Bool {
        guard name != nil, asked < Self.resolutions, let expiresAt else { return false }
        return expiresAt <= now
    }

    func asks(_ id: ResolutionID, now: NIODeadline) {
        asked &+= 1
        resolution = id
        resolveBy = now + Self.patience
    }

    func stopsAsking() {
        resolution = nil
        resolveBy = nil
    }

    /// Takes the servers of an answer, in order; where the request has been it does not go again (PRX-26).
    func take(_ servers: [Endpoint], of answer: NextHops) {
        left = servers.filter { !tried.contains($0) }[...]
        view = answer.view
        expiresAt = answer.expiresAt
    }

    /// The request goes to this one of the servers that are left instead.
    func skip(to endpoint: Endpoint) {
        guard let place = left.firstIndex(of: endpoint) else { return }
        left.remove(at: place)
        tried.append(endpoint)
    }

    /// The next server.
    func next() -> Endpoint? {
        guard let endpoint = left.popFirst() else { return nil }
        tried.append(endpoint)
        return endpoint
    }
}
