// SPDX-License-Identifier: Apache-2.0

/// SHA-256 digests, whatever OpenSSL is to digest: certificates, revocation lists or bytes.
enum SHA256Digest {
    static let count = 32

    /// The digest that `write` puts where it is told, with its length.
    static func make(_ write: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt32>) -> Void) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.count)
        var count: UInt32 = 0
        write(&bytes, &count)
        return bytes
    }
}
