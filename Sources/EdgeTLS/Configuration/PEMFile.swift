// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A file of a profile, read whole, with what OpenSSL finds in it.
struct PEMFile: Sendable {
    /// More than any sensible bundle of authorities or revocation list.
    static let sizeLimit = 16 << 20

    let path: String
    let bytes: [UInt8]
    /// Whether everybody on the machine may read it.
    let isReadableByAll: Bool

    /// Reads the file, or says why that is not possible.
    init(_ path: String) throws(TLSConfigurationError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.unreadable(path, errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw Self.unreadable(path, EISDIR) }
        guard status.st_size <= Self.sizeLimit else {
            throw TLSConfigurationError(
                problem: .tooLarge,
                file: path,
                reason: "is larger than \(Self.sizeLimit) bytes",
                advice: "name a PEM file"
            )
        }
        let wanted = max(0, Int(status.st_size))
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { room, filled in
            count = wanted == 0 ? 0 : read(descriptor, room.baseAddress, wanted)
            filled = max(0, count)
        }
        guard count >= 0 else { throw Self.unreadable(path, errno) }
        self.path = path
        self.bytes = bytes
        self.isReadableByAll = status.st_mode & S_IROTH != 0
    }

    /// All certificates in the file, in order.
    func certificates() throws(TLSConfigurationError) -> [Certificate] {
        var found: [Certificate] = []
        let errors = self.withContent { bio in
            while let pointer = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(Certificate(owning: pointer)) }
        }
        try self.check(errors, found: found.count, what: "certificate", .malformedCertificate)
        return found
    }

    /// All revocation lists in the file.
    func revocationLists() throws(TLSConfigurationError) -> [RevocationList] {
        var found: [RevocationList] = []
        let errors = self.withContent { bio in
            while let pointer = PEM_read_bio_X509_CRL(bio, nil, nil, nil) {
                found.append(RevocationList(owning: pointer))
            }
        }
        try self.check(errors, found: found.count, what: "revocation list", .malformedRevocationList)
        return found
    }

    /// The first private key in the file.
    func privateKey() throws(TLSConfigurationError) -> PrivateKey {
        var encrypted: Int32 = 0
        var key: PrivateKey?
        let errors = self.withContent { bio in
            key = brana_read_private_key(bio, &encrypted).map { PrivateKey(owning: $0) }
        }
        if let key { return key }
        if encrypted == 1 {
            throw TLSConfigurationError(
                problem: .encryptedKey,
                file: self.path,
                reason: "the private key needs a passphrase",
                advice: "store it without one, readable by the service's user only: openssl pkey -in FILE -out NEW"
            )
        }
        throw TLSConfigurationError(
            problem: .malformedKey,
            file: self.path,
            reason: "holds no private key that can be read (\(errors.words))",
            advice: "name a PEM file that has a PRIVATE KEY section"
        )
    }

    /// A PEM reader ends with an error in any case; the only harmless one is that no further section begins.
    private func check(
        _ errors: OpenSSLErrors,
        found: Int,
        what: String,
        _ problem: TLSConfigurationError.Problem
    ) throws(TLSConfigurationError) {
        let isEnd = errors.entries.last.map { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_NO_START_LINE } ?? false
        if found > 0 && isEnd { return }
        throw TLSConfigurationError(
            problem: problem,
            file: self.path,
            reason: isEnd ? "holds no \(what)" : "\(what) \(found &+ 1) cannot be read (\(errors.words))",
            advice: "name a PEM file that has a \(what)"
        )
    }

    private func withContent(_ body: (OpaquePointer) -> Void) -> OpenSSLErrors {
        ERR_clear_error()
        self.bytes.withUnsafeBytes { content in
            guard let bio = brana_bio_over(content.baseAddress, Int32(clamping: content.count)) else { return }
            body(bio)
            BIO_free(bio)
        }
        return OpenSSLErrors.drained()
    }

    private static func unreadable(_ path: String, _ code: Int32) -> TLSConfigurationError {
        TLSConfigurationError(
            problem: .unreadableFile,
            file: path,
            reason: "cannot be read (\(strerror(code).map { String(cString: $0) } ?? "error \(code)"))",
            advice: code == EACCES ? "let the service's user read it" : "check the path"
        )
    }
}

/// A private key of OpenSSL, which counts its references atomically.
final class PrivateKey: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(self.pointer)
    }

    /// OpenSSL's number for the kind of key, such as RSA or elliptic curve.
    var type: Int32 { EVP_PKEY_get_base_id(self.pointer) }

    /// Whether it is the key that the certificate is about.
    func fits(_ certificate: Certificate) -> Bool {
        let fits = X509_check_private_key(certificate.pointer, self.pointer) == 1
        ERR_clear_error()
        return fits
    }
}

/// A certificate revocation list of OpenSSL, which counts its references atomically.
final class RevocationList: @unchecked Sendable {
    let pointer: OpaquePointer
    /// The SHA-256 digest of all of it.
    let fingerprint: [UInt8]

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
        self.fingerprint = SHA256Digest.make { X509_CRL_digest(pointer, EVP_sha256(), $0, $1) }
    }

    var issuer: String { Certificate.text(of: X509_CRL_get_issuer(self.pointer)) }

    /// Until when it counts, in seconds since 1970; nil when it does not say.
    var nextUpdate: Int64? { Certificate.seconds(of: X509_CRL_get0_nextUpdate(self.pointer)) }

    deinit {
        X509_CRL_free(self.pointer)
    }
}
