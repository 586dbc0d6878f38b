// SPDX-License-Identifier: Apache-2.0

/// Whether something went well.
package enum ResultLabel: Int, LabelValue { case success, failure }

/// Which side of the edge.
package enum SideLabel: Int, LabelValue { case client, backend }

/// A request's method; methods that Brana does not know share one value.
package enum MethodLabel: Int, LabelValue {
    case invite, ack, bye, cancel, options, register, subscribe, notify, publish, message, info, update, prack, refer
    case other

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

/// Why a connection was not accepted, or was closed by the edge.
package enum RefusalLabel: Int, LabelValue {
    case listenerLimit, sourceLimit, rateLimit, handshakeLimit, descriptorLimit, banned, draining
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

/// Why a TLS handshake failed.
package enum TLSFailureLabel: Int, LabelValue {
    case timeout, closed, noSharedVersion, noSharedCipher, noCertificate, expired, untrusted, revoked, identity, alert
    case protocolError, other
}

/// Why a request went to another backend.
package enum FailoverLabel: Int, LabelValue {
    case refused, connectTimeout, tls, queueFull, flowGone, unreachable, closed, noResponse, unavailable
}

/// What is wrong with a message that cannot be used.
package enum MalformedLabel: Int, LabelValue {
    case framing, startLine, version, headerSyntax, missingHeader, duplicateHeader, contentLength, uri, tooLarge, body
    case other
}

/// Why a message was dropped without an answer (OVL-63).
package enum DropLabel: Int, LabelValue {
    case malformed, unmatchedResponse, unmatchedAck, unsendableAddress, rateLimit, banned, overload, amplification
    case maxForwards, queueFull, flowGone, other
}

/// Why a flow token was not honoured (RFC 5626 section 5.3).
package enum TokenFailureLabel: Int, LabelValue { case malformed, forged, unknownKey, flowGone }

/// How a DNS query ended (LOC-57).
package enum DNSOutcomeLabel: Int, LabelValue {
    case records, noData, nameError, serverFailure, refused, timeout, malformed, bogus
}

/// How a probe ended.
package enum ProbeLabel: Int, LabelValue { case passed, refusedStatus, refused, timeout, tls, closed, unreachable }

/// The state of a backend; the words are those of `brana pools`.
package enum BackendStateLabel: Int, LabelValue { case up, down, unknown, draining, ejected, disabled, held }

/// How a pool's membership changed.
package enum MembershipLabel: Int, LabelValue { case added, reweighted, draining, returned, removed }

/// A limit that was reached.
package enum LimitLabel: Int, LabelValue {
    case connections, connectionsPerSource, handshakes, handshakesPerSource, requestRate, registerRate, transactions
    case messageSize, headerCount, queuedBytes, backendQueue, poolBackends, forks, naptrRecords, resolutionDepth
}

/// A transaction's side.
package enum TransactionLabel: Int, LabelValue { case server, client }

/// A timer of RFC 3261 section 17, or one of the edge's own.
package enum TimerLabel: Int, LabelValue {
    case a, b, c, d, e, f, g, h, i, j, k, l, m, firstResponse

    package var label: String { self == .firstResponse ? "first_response" : String(describing: self).uppercased() }
}

/// Whether a request starts a call or not, for durations.
package enum RequestKindLabel: Int, LabelValue { case invite, nonInvite }
