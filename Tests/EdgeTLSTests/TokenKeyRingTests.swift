// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Testing

@Suite("The keys of flow tokens in their turn")
struct TokenKeyRingTests {
    private let message = Array("a token's body".utf8)

    private func key(_ byte: UInt8) throws -> TokenKey {
        try #require(TokenKey([UInt8](repeating: byte, count: TokenKey.minimumLength)))
    }

    private func knows(_ ring: TokenKeyRing, _ key: TokenKey) -> Bool {
        message.withUnsafeBytes { ring.mac(key.id, $0) } != nil
    }

    @Test("FLW-16: the current key and two before it are known; a third change forgets the first")
    func rotation() throws {
        var ring = try #require(TokenKeyRing([key(1)]))
        for number in 2...4 as ClosedRange<UInt8> {
            #expect(knows(ring, try key(1)))
            ring = ring.followed(by: try #require(TokenKeyRing([key(number)])))
            #expect(try ring.currentID == key(number).id)
        }
        #expect(try !knows(ring, key(1)) && knows(ring, key(2)) && knows(ring, key(3)) && knows(ring, key(4)))
    }

    @Test("FLW-16: the same keys again change nothing, and a key's id is the same in every process")
    func same() throws {
        let ring = try #require(TokenKeyRing([key(1)]))
        let both = ring.followed(by: try #require(TokenKeyRing([key(2), key(1)])))
        let again = both.followed(by: try #require(TokenKeyRing([key(2), key(1)])))
        #expect(try again.currentID == both.currentID && knows(again, key(1)))
        #expect(try key(1).id == key(1).id && Set((1...3).map { try key($0).id }).count == 3)
    }

    @Test("PRX-78: a node's secret outlives its restarts, and differs by node and by key")
    func nodeKey() throws {
        let ring = try #require(TokenKeyRing([key(1), key(2)]))
        let again = try #require(TokenKeyRing([key(1)]))
        let other = try #require(TokenKeyRing([key(3)]))
        let names = ["edge1.example.test", "edge2.example.test", ""]
        #expect(names.map { ring.nodeKey(of: $0) } == names.map { again.nodeKey(of: $0) })
        #expect(Set(names.map { ring.nodeKey(of: $0) } + names.map { other.nodeKey(of: $0) }).count == 6)
    }

    @Test("A ring has one to three keys that can be told apart")
    func refused() throws {
        #expect(TokenKeyRing([]) == nil)
        #expect(TokenKeyRing([try key(1), try key(1)]) == nil)
        #expect(TokenKeyRing(try (1...4).map { try key($0) }) == nil)
        #expect(TokenKeyRing(try (1...3).map { try key($0) }) != nil)
    }
}
