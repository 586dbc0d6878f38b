// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A signed statement about the revocation of one certificate (RFC 6960).
enum OCSPResponse {
    /// Seconds by which clocks may differ.
    static let leeway = 300
    /// Seconds that a response counts which names no time of the next.
    static let standardAge = 7 * 86_400
    /// More than any responder says of one certificate.
    static let sizeLimit = 64 << 10

    /// Why a response counts for nothing.
    enum Fault: Error, Sendable, Hashable {
        case malformed
        /// The responder was not able to answer; the number is that of RFC 6960 section 4.2.1.
        case unsuccessful(Int)
        case badSignature
        /// It is about other certificates.
        case otherCertificate
        /// It is too old, or of the future.
        case outdated
        case revoked
        /// The responder does not know the certificate.
        case unknown

        /// The fault in words.
        var words: String {
            switch self {
            case .malformed: "the OCSP response cannot be read"
            case .unsuccessful(let status): "the OCSP responder answers that it cannot say (status \(status))"
            case .badSignature: "the OCSP response is not signed by the certificate's issuer"
            case .otherCertificate: "the OCSP response is about another certificate"
            case .outdated: "the OCSP response has expired"
            case .revoked: "the certificate is revoked, says its OCSP response"
            case .unknown: "the OCSP responder does not know the certificate"
            }
        }
    }

    /// Judges a response about `leaf`.
    ///
    /// - Parameters:
    ///   - issuer: the certificate of the authority, which has been verified or is the operator's own.
    ///   - now: seconds since 1970.
    /// - Returns: until when it counts, in seconds since 1970.
    static func judge(
        _ bytes: [UInt8],
        about leaf: Certificate,
        issuedBy issuer: Certificate,
        now: Int64
    ) throws(Fault) -> Int64 {
        defer { ERR_clear_error() }
        guard bytes.count <= Self.sizeLimit, let response = Self.parsed(bytes) else { throw .malformed }
        defer { OCSP_RESPONSE_free(response) }
        let status = OCSP_response_status(response)
        guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else { throw .unsuccessful(Int(status)) }
        guard let basic = OCSP_response_get1_basic(response) else { throw .malformed }
        defer { OCSP_BASICRESP_free(basic) }
        guard Self.isSigned(basic, by: issuer) else { throw .badSignature }
        return try Self.judge(basic, about: leaf, issuedBy: issuer, now: now)
    }

    private static func parsed(_ bytes: [UInt8]) -> OpaquePointer? {
        bytes.withUnsafeBufferPointer { content in
            var cursor = content.baseAddress
            return d2i_OCSP_RESPONSE(nil, &cursor, content.count)
        }
    }

    /// The signer is the issuer itself, or one that the issuer has appointed for it (RFC 6960 section 4.2.2.2).
    private static func isSigned(_ basic: OpaquePointer, by issuer: Certificate) -> Bool {
        guard let known = brana_x509_stack_new() else { return false }
        defer { brana_x509_stack_free(known) }
        guard brana_x509_stack_push(known, issuer.pointer) != 0 else { return false }
        // The issuer is believed, whether it is a root or not; with the authorities of the profile, their revocation lists
        // would be asked about the responder.
        guard let store = X509_STORE_new() else { return false }
        defer { X509_STORE_free(store) }
        guard
            X509_STORE_add_cert(store, issuer.pointer) == 1,
            X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN)) == 1
        else { return false }
        return OCSP_basic_verify(basic, known, store, 0) == 1
    }

    private static func judge(
        _ basic: OpaquePointer,
        about leaf: Certificate,
        issuedBy issuer: Certificate,
        now: Int64
    ) throws(Fault) -> Int64 {
        for digest in [EVP_sha1(), EVP_sha256()] {
            guard let name = OCSP_cert_to_id(digest, leaf.pointer, issuer.pointer) else { continue }
            defer { OCSP_CERTID_free(name) }
            var status: Int32 = 0
            var reason: Int32 = 0
            var revokedAt: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            var from: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            var next: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
            guard OCSP_resp_find_status(basic, name, &status, &reason, &revokedAt, &from, &next) == 1 else { continue }
            guard let begin = Certificate.seconds(of: from) else { throw .malformed }
            let end = Certificate.seconds(of: next) ?? begin + Int64(Self.standardAge)
            let leeway = Int64(Self.leeway)
            guard begin - leeway <= now, now <= end + leeway else { throw .outdated }
            switch status {
            case V_OCSP_CERTSTATUS_GOOD: return end
            case V_OCSP_CERTSTATUS_REVOKED: throw .revoked
            default: throw .unknown
            }
        }
        throw .otherCertificate
    }
}
