// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import SIPProxy

/// Who lives where (RFC 5737): the edge outside and inside, backends, and clients behind their NAT.
enum Addresses {
    static let outer = IPAddress.v4(0xC633_640A)
    static let inner = IPAddress.v4(0x0A00_0005)

    /// The second address of a backend is 128 above its first.
    static func backend(_ index: Int, _ place: Int = 0) -> IPAddress { .v4(0xC000_0201 + UInt32(index + 128 * place)) }

    static func client(_ index: Int) -> IPAddress { .v4(0xCB00_7101 + UInt32(index)) }

    static func isBackend(_ address: IPAddress) -> Bool { isIn(address, 0xC000_02) }

    static func isEdge(_ address: IPAddress) -> Bool { address == outer || address == inner }

    private static func isIn(_ address: IPAddress, _ prefix: UInt32) -> Bool {
        if case .v4(let number) = address { number >> 8 == prefix } else { false }
    }
}
