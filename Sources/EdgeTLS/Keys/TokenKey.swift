// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A secret key for HMAC-SHA-256 (RFC 2104), under flow tokens.
package struct TokenKey: Sendable {
    /// Bytes that a key must have at least.
    package static let minimumLength = 32

    private let bytes: [UInt8]

    /// A key of the given bytes; nil when they are too few.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.minimumLength else { return nil }
        self.bytes = bytes
    }

    /// A new random key.
    package init() {
        bytes = Self.randomBytes()
    }

    /// The bytes of a new random key, of any kind.
    package static func randomBytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<Self.minimumLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// The number by which tokens name the key, drawn from its bytes and telling nothing else of them.
    package var id: UInt8 {
        let label: StaticString = "flow token key id"
        let text = UnsafeRawBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount)
        return mac(text).map { UInt8(truncatingIfNeeded: $0.0 >> 56) } ?? 0
    }

    /// The first 128 bits of the MAC over `message`; nil when the library cannot.
    package func mac(_ message: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
        Self.digest(message, by: bytes)?.withUnsafeBytes { raw in
            (
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// The whole MAC over `message` by a key of these bytes; nil when the library cannot.
    static func digest(_ message: UnsafeRawBufferPointer, by key: [UInt8]) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        let input = message.bindMemory(to: UInt8.self)
        guard HMAC(EVP_sha256(), key, Int32(key.count), input.baseAddress, input.count, &digest, &length) != nil,
            length == 32
        else { return nil }
        return digest
    }
}
