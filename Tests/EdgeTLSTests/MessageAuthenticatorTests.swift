// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import Testing

/// HMAC-SHA-256 against the published vectors.
@Suite("Message authentication")
struct MessageAuthenticatorTests {
    @Test("The code of RFC 4231 section 4.3")
    func vector() throws {
        let authenticator = MessageAuthenticator(key: Array("Jefe".utf8))
        let message = ByteBuffer(string: "what do ya want for nothing?")
        let code = try #require(authenticator.code(for: message))
        let text = code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(text == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(authenticator.accepts(code, for: message) && authenticator.accepts(code.prefix(16), for: message))
    }

    @Test("A changed, shortened or foreign code is refused")
    func refused() throws {
        let authenticator = MessageAuthenticator(key: MessageAuthenticator.randomKey())
        let message = ByteBuffer(string: "token")
        var code = try #require(authenticator.code(for: message))
        #expect(
            !authenticator.accepts(code.prefix(15), for: message) && !authenticator.accepts(code + [0], for: message)
        )
        #expect(!authenticator.accepts([], for: message))
        #expect(!authenticator.accepts(code, for: ByteBuffer(string: "tokem")))
        #expect(!MessageAuthenticator(key: MessageAuthenticator.randomKey()).accepts(code, for: message))
        code[15] ^= 1
        #expect(!authenticator.accepts(code, for: message))
    }
}
