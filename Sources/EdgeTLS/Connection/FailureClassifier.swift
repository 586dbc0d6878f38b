// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Sorts OpenSSL's several hundred reasons into the few that an operator acts on.
enum FailureClassifier {
    /// Alerts from the peer are numbered from here on (`SSL_AD_REASON_OFFSET`).
    private static let alertOffset: Int32 = 1000

    private static let notTLS: [Int32] = [
        SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_UNKNOWN_PROTOCOL,
    ]
    private static let version: [Int32] = [
        SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH, SSL_R_WRONG_SSL_VERSION,
        SSL_R_INAPPROPRIATE_FALLBACK, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
    ]
    private static let parameters: [Int32] = [
        SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
        SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
        SSL_R_NO_CIPHERS_SPECIFIED, SSL_R_NO_CIPHERS_AVAILABLE,
    ]

    /// The class of a failure, by the first reason that says something.
    static func reason(of errors: OpenSSLErrors) -> TLSFailure.Reason {
        for entry in errors.entries where entry.library == ERR_LIB_SSL {
            if let reason = self.reason(of: entry.reason) { return reason }
        }
        if errors.entries.contains(where: { $0.library == ERR_LIB_SSL }) { return .protocolViolation }
        return errors.entries.isEmpty ? .protocolViolation : .library
    }

    private static func reason(of number: Int32) -> TLSFailure.Reason? {
        if self.notTLS.contains(number) { return .notTLS }
        if self.version.contains(number) { return .version }
        if self.parameters.contains(number) { return .parameters }
        switch number {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .certificateMissing
        case SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_INVALID_STATUS_RESPONSE: return .certificateInvalid
        case SSL_R_CALLBACK_FAILED: return .unknownServerName
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return .truncated
        default: return number > self.alertOffset ? .peerAlert : nil
        }
    }
}
