// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate that vouches for itself, with its key, as PEM: for the demonstration, never for production.
package struct SelfSignedCertificate: Sendable {
    package let certificate: String
    package let key: String

    /// A P-256 certificate for a DNS name and 127.0.0.1, valid from now for `days`; nil when OpenSSL cannot make one.
    package init?(name: String, days: Int) {
        guard let pair = Self.makeKey() else { return nil }
        defer { EVP_PKEY_free(pair) }
        guard let x509 = X509_new() else { return nil }
        defer { X509_free(x509) }
        guard Self.fill(x509, name: name, days: days, key: pair), X509_sign(x509, pair, EVP_sha256()) > 0,
            let certificate = Self.pem({ PEM_write_bio_X509($0, x509) }),
            let key = Self.pem({ PEM_write_bio_PrivateKey($0, pair, nil, nil, 0, nil, nil) })
        else { return nil }
        self.certificate = certificate
        self.key = key
    }

    private static func makeKey() -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var pair: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &pair) == 1
        else { return nil }
        return pair
    }

    private static func fill(_ x509: OpaquePointer, name: String, days: Int, key: OpaquePointer) -> Bool {
        let serial = Int.random(in: 1...Int.max)
        let seconds = max(1, min(days, 3650)) * 86_400
        guard X509_set_version(x509, 2) == 1, ASN1_INTEGER_set(X509_get_serialNumber(x509), serial) == 1,
            X509_gmtime_adj(X509_getm_notBefore(x509), -300) != nil,
            X509_gmtime_adj(X509_getm_notAfter(x509), seconds) != nil,
            X509_set_pubkey(x509, key) == 1, let subject = X509_get_subject_name(x509),
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1,
            X509_set_issuer_name(x509, subject) == 1
        else { return false }
        return add(NID_subject_alt_name, "DNS:\(name),IP:127.0.0.1", to: x509)
            && add(NID_basic_constraints, "critical,CA:TRUE", to: x509)
            && add(NID_ext_key_usage, "serverAuth,clientAuth", to: x509)
    }

    private static func add(_ identifier: Int32, _ value: String, to x509: OpaquePointer) -> Bool {
        guard let part = X509V3_EXT_conf_nid(nil, nil, identifier, value) else { return false }
        defer { X509_EXTENSION_free(part) }
        return X509_add_ext(x509, part, -1) == 1
    }

    private static func pem(_ write: (OpaquePointer) -> Int32) -> String? {
        guard let bio = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { return nil }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = brana_bio_content(bio, &bytes)
        guard let bytes, count > 0 else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}
