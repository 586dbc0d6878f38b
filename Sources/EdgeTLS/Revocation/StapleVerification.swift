// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A client's verification of what a server has stapled, inside the handshake and after that of the certificate (TLS-20).
enum StapleVerification {
    /// OpenSSL calls this whether there is a staple or not; 1 says that the handshake goes on.
    static let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { ssl, _ in
        guard let ssl, let connection = OpenSSLLibrary.shared.connection(of: ssl) else { return 0 }
        // What a session rests on was judged when it was made, an hour ago at most (`ResumableSessions.longestAge`).
        guard connection.verifiesPeer, SSL_session_reused(ssl) == 0 else { return 1 }
        guard let fault = Self.fault(ssl, connection.context) else { return 1 }
        connection.revocation = fault.words
        connection.refused = fault.leaf.map { RefusedCertificate($0) }
        return 0
    }

    private static func fault(
        _ ssl: OpaquePointer,
        _ context: TLSContext
    ) -> (words: String, leaf: Certificate?)? {
        let chain = SSL_get0_verified_chain(ssl)
        let leaf = chain.flatMap { brana_x509_stack_item($0, 0) }.map { Certificate(retaining: $0) }
        var bytes: UnsafePointer<UInt8>?
        let count = brana_ssl_staple(ssl, &bytes)
        guard count > 0, let bytes else {
            let isMissing = context.profile.ocsp == .require
            return isMissing ? ("the peer staples no OCSP response, and one is required", leaf) : nil
        }
        // A certificate that is trusted as it is has nobody who could revoke it.
        guard let chain, let leaf, brana_x509_stack_count(chain) > 1, let next = brana_x509_stack_item(chain, 1) else {
            return nil
        }
        do throws(OCSPResponse.Fault) {
            _ = try OCSPResponse.judge(
                Array(UnsafeBufferPointer(start: bytes, count: count)),
                about: leaf,
                issuedBy: Certificate(retaining: next),
                now: UnixTime.now
            )
            return nil
        } catch {
            return (error.words, leaf)
        }
    }
}
