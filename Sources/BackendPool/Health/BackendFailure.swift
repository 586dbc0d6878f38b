// SPDX-License-Identifier: Apache-2.0

/// In which way a backend failed a probe or a request, apart from what it answered.
package enum BackendFailure: String, Sendable, Hashable, CaseIterable {
    /// The connection was refused, or ICMP said that nobody listens.
    case refused
    /// There is no route to the host or network.
    case unreachable
    /// The connection was not set up in time.
    case connectTimeout = "connect-timeout"
    /// The TLS handshake failed.
    case tls
    /// The certificate is not for the name that was asked for (RFC 5922 section 4).
    case identity
    /// The certificate matches no TLSA record (RFC 6698 section 2.1).
    case unmatched
    /// The connection ended before an answer came.
    case closed
    /// No answer came in time.
    case timeout

    /// Whether one such failure is proof enough (OVL-28): waiting for a second tells nothing new.
    package var isHard: Bool {
        switch self {
        case .refused, .identity, .unmatched: true
        case .unreachable, .connectTimeout, .tls, .closed, .timeout: false
        }
    }

    /// The failure in words, for events and output.
    package var words: String {
        switch self {
        case .refused: "connection refused"
        case .unreachable: "host unreachable"
        case .connectTimeout: "connection not set up in time"
        case .tls: "TLS handshake failed"
        case .identity: "certificate is for another name"
        case .unmatched: "certificate matches no TLSA record"
        case .closed: "connection closed before an answer"
        case .timeout: "no answer in time"
        }
    }
}
