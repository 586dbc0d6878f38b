// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A key under session tickets: AES-256 in CBC mode and HMAC-SHA-256, with a name by which tickets tell it (RFC 5077
/// section 4).
///
/// All three are drawn from one secret, so that every edge of a fleet that has the secret opens the tickets of the others.
package struct TicketKey: Sendable {
    static let nameLength = 16

    let name: [UInt8]
    private let cipher: [UInt8]
    private let authentication: [UInt8]

    /// The key that these bytes make; nil when they are fewer than 32, or OpenSSL fails.
    package init?(_ bytes: [UInt8]) {
        guard
            bytes.count >= TokenKey.minimumLength,
            let name = Self.derived("ticket key name", from: bytes),
            let cipher = Self.derived("ticket key for encryption", from: bytes),
            let authentication = Self.derived("ticket key for authentication", from: bytes)
        else { return nil }
        self.name = Array(name.prefix(Self.nameLength))
        self.cipher = cipher
        self.authentication = authentication
    }

    /// A new random key; nil when OpenSSL fails.
    static func random() -> TicketKey? { TicketKey(TokenKey.randomBytes()) }

    private static func derived(_ label: String, from bytes: [UInt8]) -> [UInt8]? {
        Array(label.utf8).withUnsafeBytes { TokenKey.digest($0, by: bytes) }
    }

    /// Readies OpenSSL to make a ticket; false when it cannot.
    func seal(
        name: UnsafeMutablePointer<UInt8>,
        vector: UnsafeMutablePointer<UInt8>,
        _ cipher: OpaquePointer,
        _ mac: OpaquePointer
    ) -> Bool {
        guard RAND_bytes(vector, EVP_MAX_IV_LENGTH) == 1 else { return false }
        for (index, byte) in self.name.enumerated() { name[index] = byte }
        return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, self.cipher, vector) == 1
            && brana_ticket_mac_key(mac, self.authentication, self.authentication.count) == 1
    }

    /// Readies OpenSSL to open a ticket; false when it cannot.
    func open(vector: UnsafePointer<UInt8>, _ cipher: OpaquePointer, _ mac: OpaquePointer) -> Bool {
        brana_ticket_mac_key(mac, self.authentication, self.authentication.count) == 1
            && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, self.cipher, vector) == 1
    }
}
