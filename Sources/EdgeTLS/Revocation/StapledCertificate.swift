// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate of a server about which its authority can be asked, so that the answer can be stapled.
package struct StapledCertificate: Sendable {
    /// Bytes that a response about it may have.
    package static let responseLimit = OCSPResponse.sizeLimit

    /// The file of the certificate.
    package let file: String
    /// Where its authority answers, `http` only: responses are signed, and asking over TLS could go round in circles
    /// (RFC 6960 appendix A.1); nil when the certificate names no such place.
    package let responder: String?

    let leaf: Certificate
    let issuer: Certificate
    let staples: Staples

    /// Why a response was not taken, in words.
    package struct Refused: Error, Sendable, CustomStringConvertible {
        package let description: String
        /// Whether it had its time, and another one may be taken.
        package let isOutdated: Bool
    }

    /// Nil when the file does not hold the issuer's certificate, without which nothing can be asked.
    init?(_ own: OwnCertificate, _ staples: Staples) {
        guard let issuer = own.chain.first(where: own.leaf.isIssued(by:)) else { return nil }
        self.file = own.summary.file
        self.leaf = own.leaf
        self.issuer = issuer
        self.staples = staples
        self.responder = own.leaf.responders.first { $0.lowercased().hasPrefix("http://") }
    }

    /// The file and what is in it now: a renewed certificate is another one.
    package var identity: String {
        "\(self.file) \(self.leaf.fingerprint.prefix(8).map { String($0, radix: 16) }.joined(separator: ":"))"
    }

    /// The question about it, in DER; nil when OpenSSL is out of memory.
    package func request() -> [UInt8]? {
        guard
            let request = OCSP_REQUEST_new(),
            let name = OCSP_cert_to_id(EVP_sha1(), self.leaf.pointer, self.issuer.pointer)
        else { return nil }
        defer { OCSP_REQUEST_free(request) }
        // The request owns the name from here on.
        guard OCSP_request_add0_id(request, name) != nil else {
            OCSP_CERTID_free(name)
            return nil
        }
        var output: UnsafeMutablePointer<UInt8>?
        let count = i2d_OCSP_REQUEST(request, &output)
        guard count > 0, let output else { return nil }
        defer { CRYPTO_free(output, nil, 0) }
        return Array(UnsafeBufferPointer(start: output, count: Int(count)))
    }

    /// Staples a response from now on, if it says that the certificate is good.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Returns: until when it counts, in seconds since 1970.
    package func staple(_ response: [UInt8], now: Int64) throws(Refused) -> Int64 {
        do throws(OCSPResponse.Fault) {
            let endsAt = try OCSPResponse.judge(response, about: self.leaf, issuedBy: self.issuer, now: now)
            self.staples.set(Staples.Staple(bytes: response, endsAt: endsAt), for: self.leaf.fingerprint)
            return endsAt
        } catch {
            throw Refused(description: error.words, isOutdated: error == .outdated)
        }
    }

    /// Until when what is stapled now counts, in seconds since 1970; nil when nothing is.
    package func endsAt(now: Int64) -> Int64? {
        self.staples.staple(for: self.leaf.fingerprint, now: now)?.endsAt
    }
}
