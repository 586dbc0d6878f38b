// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// One X.509 certificate of OpenSSL, read only.
///
/// It is immutable after it was made, and OpenSSL counts its references atomically.
final class Certificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over one reference to `pointer`.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// Adds a reference of its own to `pointer`.
    init(retaining pointer: OpaquePointer) {
        X509_up_ref(pointer)
        self.pointer = pointer
    }

    deinit {
        X509_free(self.pointer)
    }

    var subject: String { Self.text(of: X509_get_subject_name(self.pointer)) }
    var issuer: String { Self.text(of: X509_get_issuer_name(self.pointer)) }

    /// Whether the certificate names itself as its issuer.
    var isSelfIssued: Bool {
        X509_NAME_cmp(X509_get_subject_name(self.pointer), X509_get_issuer_name(self.pointer)) == 0
    }

    /// The first and last second of its validity since 1970; the widest range when the certificate says nothing
    /// readable.
    var notBefore: Int64 { Self.seconds(of: X509_get0_notBefore(self.pointer)) ?? .min }
    var notAfter: Int64 { Self.seconds(of: X509_get0_notAfter(self.pointer)) ?? .min }

    /// Whether this certificate was issued by `other`, by names and key identifiers.
    func isIssued(by other: Certificate) -> Bool {
        X509_check_issued(other.pointer, self.pointer) == X509_V_OK
    }

    /// The names in it, as the bytes they are.
    var names: CertificateNames {
        var names = CertificateNames(commonName: self.commonName)
        // A second extension of the kind, or one that cannot be read, is critical -2 or -1: as good as present and
        // empty.
        var critical: Int32 = -1
        let extensionValue = X509_get_ext_d2i(self.pointer, NID_subject_alt_name, &critical, nil)
        names.hasAlternativeNames = extensionValue != nil || critical != -1
        guard let extensionValue else { return names }
        let list = OpaquePointer(extensionValue)
        defer { GENERAL_NAMES_free(list) }
        for index in 0..<max(0, brana_general_name_count(list)) {
            guard
                let name = brana_general_name(list, index),
                let string = brana_general_name_string(name)
            else { continue }
            let bytes = Self.bytes(of: string)
            switch name.pointee.type {
            case GEN_URI: names.uris.append(bytes)
            case GEN_DNS: names.dnsNames.append(bytes)
            default: names.addresses.append(bytes)
            }
        }
        return names
    }

    /// The extended key usages that decide whether it may be used for SIP.
    var extendedKeyUsages: ExtendedKeyUsages {
        var critical: Int32 = -1
        guard let value = X509_get_ext_d2i(self.pointer, NID_ext_key_usage, &critical, nil) else {
            return critical == -1 ? [] : .other
        }
        let list = OpaquePointer(value)
        defer { EXTENDED_KEY_USAGE_free(list) }
        var usages: ExtendedKeyUsages = []
        for index in 0..<max(0, brana_object_count(list)) {
            usages.insert(Self.usage(brana_object(list, index)))
        }
        // An extension without any usage allows none, so it must not look like no extension.
        return usages.isEmpty ? .other : usages
    }

    /// Where its authority answers OCSP requests, as it says (RFC 5280 section 4.2.2.1).
    var responders: [String] {
        guard let list = X509_get1_ocsp(self.pointer) else { return [] }
        defer { X509_email_free(list) }
        return (0..<max(0, brana_text_count(list))).compactMap { brana_text(list, $0).map { String(cString: $0) } }
    }

    /// The SHA-256 digest of all of it.
    var fingerprint: [UInt8] {
        SHA256Digest.make { X509_digest(self.pointer, EVP_sha256(), $0, $1) }
    }

    /// Whether its key may be used in a handshake at all (RFC 5280 section 4.2.1.3).
    var allowsHandshake: Bool {
        let usage = X509_get_key_usage(self.pointer)
        // All bits are set when there is no such extension.
        return usage & UInt32(KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT | KU_KEY_ENCIPHERMENT) != 0
    }

    private var commonName: [UInt8]? {
        let subject = X509_get_subject_name(self.pointer)
        var last: Int32 = -1
        while true {
            let next = X509_NAME_get_index_by_NID(subject, NID_commonName, last)
            if next < 0 { break }
            last = next
        }
        guard last >= 0, let entry = X509_NAME_get_entry(subject, last), let value = X509_NAME_ENTRY_get_data(entry)
        else { return nil }
        return Self.bytes(of: value)
    }

    private static func usage(_ object: OpaquePointer?) -> ExtendedKeyUsages {
        switch OBJ_obj2nid(object) {
        case NID_server_auth: return .serverAuthentication
        case NID_client_auth: return .clientAuthentication
        case NID_anyExtendedKeyUsage: return .any
        default:
            // id-kp-sipDomain is 1.3.6.1.5.5.7.3.20 (RFC 5924 section 3.1), which OpenSSL has no name for.
            let wanted: [UInt8] = [0x2B, 6, 1, 5, 5, 7, 3, 20]
            guard OBJ_length(object) == wanted.count, let data = OBJ_get0_data(object) else { return .other }
            return UnsafeBufferPointer(start: data, count: wanted.count).elementsEqual(wanted) ? .sipDomain : .other
        }
    }

    private static func bytes(of string: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        let count = Int(ASN1_STRING_length(string))
        guard count > 0, let data = ASN1_STRING_get0_data(string) else { return [] }
        return Array(UnsafeBufferPointer(start: data, count: count))
    }

    static func seconds(of time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Int64(timegm(&parts))
    }

    static func text(of name: OpaquePointer?) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        guard brana_print_name(bio, name) >= 0 else { return "" }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = brana_bio_content(bio, &bytes)
        guard count > 0, let bytes else { return "" }
        let raw = UnsafeRawBufferPointer(start: bytes, count: count)
        return String(decoding: raw, as: UTF8.self)
    }
}
