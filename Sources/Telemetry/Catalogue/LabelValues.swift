// SPDX-License-Identifier: Apache-2.0

/// Whether something went well.
package enum ResultLabel: Int, LabelValue { case success, failure }

/// Which side of the edge.
package enum SideLabel: Int, LabelValue { case client, backend }

/// The method of a request that has a transaction of its own; methods that Brana does not know share one value.
package enum MethodLabel: Int, LabelValue {
    case invite, bye, options, register, subscribe, notify, publish, message, info, update, prack, refer, other

    package var label: String { self == .other ? "other" : String(describing: self).uppercased() }
}

/// The class of a status code.
package enum ResponseClassLabel: Int, LabelValue {
    case provisional, success, redirection, clientError, serverError, globalFailure

    package var label: String { "\(rawValue + 1)xx" }

    /// The class of `status`; what is out of range counts as the nearest.
    package init(status: UInt16) {
        self = Self(rawValue: min(max(Int(status) / 100, 1), 6) - 1) ?? .globalFailure
    }
}

/// Who made a response.
package enum OriginLabel: Int, LabelValue { case backend, local }

/// The limit that a connection was refused for; the words are those of the configuration.
package enum RefusalLabel: Int, LabelValue {
    case connections, connectionsPerSource, connectionsPerIdentity, handshakes, handshakesPerSource, rateHandshakes,
        descriptors
    case ban, overload, proxyHeader, proxyHeaderTimeout, peer
}

/// The negotiated TLS version.
package enum TLSVersionLabel: Int, LabelValue {
    case tls12, tls13, other

    package var label: String {
        switch self {
        case .tls12: "1.2"
        case .tls13: "1.3"
        case .other: "other"
        }
    }
}

/// Why a TLS handshake or an established TLS connection failed; the words are those of the log.
package enum TLSFailureLabel: Int, LabelValue {
    case handshakeDeadline, closedDuringHandshake, notTls, version, parameters, certificateMissing, certificateInvalid
    case nameMismatch, daneMismatch, unknownServerName, peerAlert, protocolViolation, truncated, library
}

/// What DANE makes of a backend: TLSA records speak for it, PKIX with the target's name too, nothing, or it is left out.
package enum DANELabel: Int, LabelValue { case tlsa, names, none, skipped }

/// Why an attempt at a backend failed.
package enum AttemptFailureLabel: Int, LabelValue {
    case refused, connectTimeout, tls, queueFull, closed, timeout, status
}

/// Why a named next hop could not be used: an unknown transport, no server in DNS, no answer in time, or an address that
/// DNS may not lead to.
package enum NextHopFailureLabel: Int, LabelValue { case transport, unresolved, deadline, forbidden, pathless }

/// What is wrong with a message that cannot be used.
package enum MalformedLabel: Int, LabelValue {
    case framing, tls, http, proxyHeader
    case startLine, version, headerSyntax, missingHeader, duplicateHeader, contentLength, uri, tooLarge, body
}

/// Why a message was dropped without an answer (OVL-63).
package enum DropLabel: Int, LabelValue {
    case malformed, strayResponse, foreignVia, strayAck, lateResponse, unsendable, maxForwards, cancelFromElsewhere
    case overLimit, deadFlow, amplification, foreignSource, keepAlive, queueFull
    case absorbedAck, banned, loop
}

/// Why a flow token was not honoured (RFC 5626 section 5.3).
package enum TokenFailureLabel: Int, LabelValue { case forged, flowGone }

/// How a DNS query ended (LOC-57), in the words of name servers; names that are never asked for (LOC-70) are none.
package enum DNSOutcomeLabel: Int, LabelValue {
    case answer, nodata, nxdomain, servfail, refused, formerr, timeout, malformed, bogus
}

/// How a probe ended.
package enum ProbeLabel: Int, LabelValue {
    case passed, status, refused, unreachable, connectTimeout, tls, identity, closed, timeout
}

/// The state of a backend; the words are those of `brana pools`.
package enum BackendStateLabel: Int, LabelValue { case up, down, unknown, draining, ejected, disabled, held }

/// How a pool's membership changed.
package enum MembershipLabel: Int, LabelValue { case added, reweighted, draining, returned, removed }

/// A limit that was reached; the words are those of the configuration where it has one.
package enum LimitLabel: Int, LabelValue {
    case connections, connectionsPerSource, connectionsPerIdentity
    case transactions, transactionsPerSource, transactionsPerConnection, routeValues, statelessResolutions
    case retryBudget
    case messageTimeout, linger, idleTimeout, writeQueue, queue, responseSockets, keepAlive, proxyHeaderTimeout
    case certificateEnd, revoked, aliases
    case handshakes, handshakesPerSource, handshakesPerWorker, descriptors, overload, ban
    case rateRegister, rateInvite, rateOther, rateOptions, rateBytes, rateNetwork, rateConnection, rateHandshakes
    case rateIdentity, rateTotal
}

/// A transaction's side.
package enum TransactionLabel: Int, LabelValue { case server, client }

/// A timer of RFC 3261 sections 16.6 and 17 or RFC 6026, or the first-response limit (LOC-63).
package enum TimerLabel: Int, LabelValue {
    case a, b, c, d, e, f, g, h, i, j, k, l, m, firstResponse

    package var label: String { self == .firstResponse ? "first_response" : String(describing: self).uppercased() }
}

/// Whether a request starts a call or not, for durations.
package enum RequestKindLabel: Int, LabelValue { case invite, nonInvite }
