// SPDX-License-Identifier: Apache-2.0

/// The keys under flow tokens: the one that new tokens are made with, and earlier ones that still open theirs (FLW-16).
///
/// A key is known by an id that follows from its bytes, so that every process with the key knows the token, whatever keys
/// it had before.
package struct TokenKeyRing: Sendable {
    /// The current key and two before it.
    package static let limit = 3

    private let keys: [(id: UInt8, key: TokenKey)]

    /// A ring of these keys, the current one first; nil without one, with too many, or when two of them have one id.
    package init?(_ keys: [TokenKey]) {
        let numbered = keys.map { (id: $0.id, key: $0) }
        guard !keys.isEmpty, keys.count <= Self.limit, Set(numbered.map(\.id)).count == keys.count else { return nil }
        self.keys = numbered
    }

    /// A ring of one new random key.
    package init() {
        let key = TokenKey()
        keys = [(key.id, key)]
    }

    private init(_ keys: ArraySlice<(id: UInt8, key: TokenKey)>) { self.keys = Array(keys) }

    /// The id of the key that new tokens are made with.
    package var currentID: UInt8 { keys.first?.id ?? 0 }

    /// The first 128 bits of the MAC over `message` by the key of that id; nil when there is none.
    package func mac(_ id: UInt8, _ message: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
        keys.first { $0.id == id }?.key.mac(message)
    }

    /// A secret of the node of that name: the same after a restart with the same keys, and another one in each node that
    /// shares them (PRX-78).
    package func nodeKey(of name: String) -> UInt32 {
        let text = Array("node \(name)".utf8)
        let mac = text.withUnsafeBytes { self.mac(currentID, $0) }
        return UInt32(truncatingIfNeeded: mac?.0 ?? 0)
    }

    /// The ring of newer keys, with as many of these behind them as there is room for: tokens that are in use go on.
    package func followed(by newer: TokenKeyRing) -> TokenKeyRing {
        let ids = Set(newer.keys.map(\.id))
        return TokenKeyRing((newer.keys + keys.filter { !ids.contains($0.id) }).prefix(Self.limit))
    }
}
