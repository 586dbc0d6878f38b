// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// What route preprocessing has found out about one request (RFC 3261 sections 16.4 and 16.5).
struct ForwardPlan {
    /// Where it is to go.
    enum Destination {
        /// To a backend of a pool, by a route rule.
        case pool
        /// To exactly this flow of a client.
        case flow(FlowToken)
        /// To an address that the next Route or the Request-URI names; a certificate there must prove the domain, or
        /// the address where that is nil.
        case endpoint(Endpoint, domain: String?)
        /// To a name that the next Route or the Request-URI holds.
        case name(NextHopName)
    }

    var destination = Destination.pool
    var routes: [RouteValue] = []
    /// Own Route values at the top, to be taken off.
    var ownRoutes = 0
    /// The Request-URI to write instead: the last Route value, after a strict router (PRX-15).
    var repairedURI: RouteValue?
    /// Whether the next Route is a strict router, which wants its URI in the request line (PRX-38).
    var isNextStrict = false
    /// Whether the Request-URI's `maddr`, port and transport led here and no further (PRX-17).
    var isPlaceOurs = false
    var isSecure = false
    var loopPart: UInt32 = 0
    /// The route rule that matches, where the loop part depends on it.
    var rule: Int?
    var addsRecordRoute = false
    /// Whether a SIPS URI leaves in the request line or the topmost Route, so that Record-Route has one too (PRX-32).
    var recordsSecurely = false
    var addsPath = false
    /// Whether Require must name `path` (FLW-04).
    var requiresPath = false
    /// The flow of a client that has come back over another one (FLW-26).
    var goneFlow: FlowID?

    /// The name that a certificate at its next hop must prove, where a URI says one.
    var domain: String? {
        switch destination {
        case .name(let name): name.domain
        case .endpoint(_, let domain): domain
        case .pool, .flow: nil
        }
    }
}

/// An answer that the edge gives by itself.
struct Rejection: Error {
    let status: UInt16
    let reason: String
    var extra: ByteBuffer?

    init(_ status: UInt16, _ reason: String, extra: ByteBuffer? = nil) {
        self.status = status
        self.reason = reason
        self.extra = extra
    }

    static let loopDetected = Rejection(482, "Loop Detected")
    static let tooManyHops = Rejection(483, "Too Many Hops")
    static let noRelay = Rejection(403, "Relaying Not Allowed")
    static let forgedToken = Rejection(403, "Bad Flow Token")
    static let notServed = Rejection(404, "Domain Not Served Here")
    static let flowFailed = Rejection(430, "Flow Failed")
}
