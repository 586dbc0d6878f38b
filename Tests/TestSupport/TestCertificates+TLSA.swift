// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension TestCertificates {
    /// What a TLSA record of the first certificate in a PEM file says (RFC 6698 section 2.1), as the `openssl` command
    /// computes it.
    ///
    /// - Parameters:
    ///   - selector: 0 for the certificate, 1 for its public key.
    ///   - matching: 0 for the bytes themselves, 1 for their SHA-256, 2 for their SHA-512.
    package func association(of path: String, selector: UInt8, matching: UInt8) throws -> [UInt8] {
        let name = "\(directory)/tlsa-\(UUID().uuidString)"
        if selector == 0 {
            try openssl(["x509", "-in", path, "-outform", "DER", "-out", name])
        } else {
            let key = try file(
                "\(URL(fileURLWithPath: name).lastPathComponent).pub",
                openssl(["x509", "-in", path, "-noout", "-pubkey"])
            )
            try openssl(["pkey", "-pubin", "-in", key, "-outform", "DER", "-out", name])
        }
        if matching > 0 {
            try openssl(["dgst", matching == 1 ? "-sha256" : "-sha512", "-binary", "-out", name + ".digest", name])
        }
        return Array(try Data(contentsOf: URL(fileURLWithPath: matching > 0 ? name + ".digest" : name)))
    }
}
