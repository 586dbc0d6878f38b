// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Synchronization

/// The OCSP responses that servers staple, by the certificate that each is about (RFC 6066 section 8).
///
/// They are asked once a handshake, from any event loop, and outlive reloads.
package final class Staples: Sendable {
    struct Staple: Sendable {
        let bytes: [UInt8]
        /// Seconds since 1970.
        let endsAt: Int64
    }

    private let staples = Mutex<[[UInt8]: Staple]>([:])

    package init() {}

    /// Staples this from now on, unless something that ends later is stapled already, such as what was fetched since a file
    /// was written.
    func set(_ staple: Staple, for fingerprint: [UInt8]) {
        self.staples.withLock { staples in
            if let known = staples[fingerprint], known.endsAt > staple.endsAt { return }
            staples[fingerprint] = staple
        }
    }

    /// What to staple; nil when there is nothing that counts at `now`, and a client is better off without.
    func staple(for fingerprint: [UInt8], now: Int64) -> Staple? {
        self.staples.withLock { $0[fingerprint] }.flatMap { now < $0.endsAt ? $0 : nil }
    }

    private var isEmpty: Bool { self.staples.withLock { $0.isEmpty } }

    /// OpenSSL calls this when a client asks for a staple.
    static let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, _ in
        guard
            let ssl,
            let staples = OpenSSLLibrary.shared.connection(of: ssl)?.context.secrets.staples,
            !staples.isEmpty,
            let pointer = SSL_get_certificate(ssl)
        else { return SSL_TLSEXT_ERR_NOACK }
        let fingerprint = Certificate(retaining: pointer).fingerprint
        guard let staple = staples.staple(for: fingerprint, now: UnixTime.now) else { return SSL_TLSEXT_ERR_NOACK }
        let isSet = brana_ssl_set_staple(ssl, staple.bytes, staple.bytes.count) == 1
        return isSet ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK
    }
}
