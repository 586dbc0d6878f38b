// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The certificates that this side shows under one name, each with a key of another type: OpenSSL takes the one that the
/// peer can verify.
struct OwnCertificates: Sendable {
    let all: [OwnCertificate]

    /// Reads and checks the files; those of one key type exclude each other.
    ///
    /// - Parameter now: seconds since 1970.
    init(_ files: [TLSProfile.CertificateFiles], now: Int64) throws(TLSConfigurationError) {
        var all: [OwnCertificate] = []
        for file in files {
            let certificate = try OwnCertificate(file, now: now)
            if let other = all.first(where: { $0.key.type == certificate.key.type }) {
                throw TLSConfigurationError(
                    problem: .sameKeyType,
                    file: file.chain,
                    reason:
                        "has a key of the same type as \(other.summary.file), so that only one of them could be shown",
                    advice: "name one certificate for each type of key, such as ECDSA and RSA"
                )
            }
            all.append(certificate)
        }
        self.all = all
    }

    /// Those that a profile shows to clients that ask for none of its server names.
    init(of profile: TLSProfile, now: Int64) throws(TLSConfigurationError) {
        var files = profile.furtherCertificates
        if let chain = profile.certificateChainFile, let key = profile.privateKeyFile {
            files.insert(TLSProfile.CertificateFiles(chain: chain, key: key, staple: profile.stapleFile), at: 0)
        }
        try self.init(files, now: now)
    }

    /// Makes them the certificates of a context.
    func install(in context: OpaquePointer) -> Bool {
        all.allSatisfy { own in
            own.withChain { SSL_CTX_use_cert_and_key(context, own.leaf.pointer, own.key.pointer, $0, 1) == 1 }
        }
    }

    /// Makes them the certificates of one connection, which shows no others any more.
    func install(on ssl: OpaquePointer) -> Bool {
        SSL_certs_clear(ssl)
        return all.allSatisfy { own in
            own.withChain { SSL_use_cert_and_key(ssl, own.leaf.pointer, own.key.pointer, $0, 1) == 1 }
        }
    }
}

extension OwnCertificate {
    /// OpenSSL adds references of its own to what is in the stack.
    fileprivate func withChain(_ body: (OpaquePointer) -> Bool) -> Bool {
        guard let stack = brana_x509_stack_new() else { return false }
        defer { brana_x509_stack_free(stack) }
        for certificate in self.chain where brana_x509_stack_push(stack, certificate.pointer) == 0 { return false }
        return body(stack)
    }
}
