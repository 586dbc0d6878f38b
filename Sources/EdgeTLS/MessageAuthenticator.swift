// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import NIOCore

/// HMAC-SHA-256 (RFC 2104, RFC 6234) with one key: what authenticates flow tokens (RFC 5626 section 5.2).
///
/// The key does not change, so the value may be used from any event loop.
package struct MessageAuthenticator: Sendable {
    /// The length of a code, in bytes.
    package static let codeLength = 32
    /// The least length of a key, in bytes (RFC 2104 section 3).
    package static let keyLength = 32

    private let key: [UInt8]

    /// An authenticator with this key, which should be as long as ``keyLength`` and random.
    package init(key: [UInt8]) {
        self.key = key
    }

    /// A key from the system's generator of secrets.
    package static func randomKey() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<Self.keyLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// The code of a message; nil when OpenSSL cannot make one.
    package func code(for message: UnsafeRawBufferPointer) -> [UInt8]? {
        var count: UInt32 = 0
        let code = [UInt8](unsafeUninitializedCapacity: Self.codeLength) { room, filled in
            let bytes = message.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let made = HMAC(
                EVP_sha256(),
                self.key,
                Int32(clamping: self.key.count),
                bytes,
                message.count,
                room.baseAddress,
                &count
            )
            filled = made == nil ? 0 : Int(count)
        }
        return code.count == Self.codeLength ? code : nil
    }

    /// The code of a buffer's readable bytes; nil when OpenSSL cannot make one.
    package func code(for message: ByteBuffer) -> [UInt8]? {
        message.withUnsafeReadableBytes { self.code(for: $0) }
    }

    /// Whether `code`, which may be cut short but not below half, belongs to the message; in constant time.
    package func accepts(_ code: some Collection<UInt8>, for message: ByteBuffer) -> Bool {
        guard (Self.codeLength / 2...Self.codeLength).contains(code.count), let right = self.code(for: message) else {
            return false
        }
        return CRYPTO_memcmp(Array(code), right, code.count) == 0
    }
}
