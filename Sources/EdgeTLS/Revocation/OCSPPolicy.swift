// SPDX-License-Identifier: Apache-2.0

/// What a client makes of the OCSP response that a server staples (RFC 6066 section 8, TLS-20).
package enum OCSPPolicy: Sendable, Hashable {
    /// None is asked for.
    case off
    /// One that comes must say that the certificate is good.
    case check
    /// One must come.
    case require
}
