// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Testing

/// HMAC-SHA-256 against the published vectors.
@Suite("Token keys")
struct TokenKeyTests {
    @Test("The MAC of RFC 4231 section 4.7, a key of 131 bytes")
    func vector() throws {
        let key = try #require(TokenKey([UInt8](repeating: 0xAA, count: 131)))
        let message = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        let mac = try #require(message.withUnsafeBytes { key.mac($0) })
        #expect(mac.0 == 0x60e4_3159_1ee0_b67f && mac.1 == 0x0d8a_26aa_cbf5_b77f)
    }

    @Test("A short key is refused; two random keys differ")
    func keys() throws {
        #expect(TokenKey([UInt8](repeating: 1, count: TokenKey.minimumLength - 1)) == nil)
        let message = Array("token".utf8)
        let macs = try [TokenKey(), TokenKey()].map { key in try #require(message.withUnsafeBytes { key.mac($0) }) }
        #expect(macs[0] != macs[1])
    }

    @Test("An empty message has a MAC")
    func empty() {
        #expect([UInt8]().withUnsafeBytes { TokenKey().mac($0) } != nil)
    }
}
