// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// Weighted rendezvous hashing (highest random weight): a key goes to the member with the least cost, and a member
/// that leaves takes only its own keys along (LOC-56).
///
/// Every step is integer or IEEE 754 basic arithmetic, so two machines with different mathematics libraries agree.
@usableFromInline
package enum RendezvousHash {
    /// What a zero weight counts as: RFC 2782 wants such a record chosen seldom, not never.
    @usableFromInline static let zeroWeight = 1.0 / 64

    /// The cost of `member` for `key`: exponentially distributed with the rate `weight`, so that the least cost falls
    /// on a member in proportion to its weight.
    @inlinable
    package static func cost(key: UInt64, member: UInt64, weight: Double) -> Double {
        let bits = StableHash.mix(key ^ member)
        let uniform = (Double(bits >> 11) + 0.5) * 0x1p-53
        return negativeLogarithm(uniform) / weight
    }

    /// The rate of a target of `weight` of which `percent` counts.
    @inlinable
    static func weight(_ weight: UInt16, percent: UInt8) -> Double {
        (weight == 0 ? zeroWeight : Double(weight)) * Double(percent) / 100
    }

    /// The seed of one address.
    package static func seed(of endpoint: Endpoint) -> UInt64 {
        var state = StableHash.mix(UInt64(endpoint.transport.rawValue) << 16 | UInt64(endpoint.port))
        switch endpoint.address {
        case .v4(let address):
            state = StableHash.mix(state ^ UInt64(address) ^ 0xFFFF_0000_0000)
        case .v6(let high, let low):
            state = StableHash.mix(StableHash.mix(state ^ high) &+ low)
        }
        return state
    }

    /// The seed of an SRV target: its name, in which letter case does not count, and its port.
    package static func seed(ofTarget name: String, port: UInt16) -> UInt64 {
        StableHash.mix(StableHash.hash(name.lowercased()) &+ UInt64(port))
    }

    /// -ln(`value`) for a value between 0 and 1, to about 14 digits.
    @inlinable
    static func negativeLogarithm(_ value: Double) -> Double {
        var mantissa = value.significand
        var exponent = Double(value.exponent)
        if mantissa > 1.414_213_562_373_095 {
            mantissa *= 0.5
            exponent += 1
        }
        // ln m = 2 artanh((m - 1) / (m + 1)); the series ends where its terms no longer matter.
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        var sum = 1.0 / 17
        sum = sum * square + 1.0 / 15
        sum = sum * square + 1.0 / 13
        sum = sum * square + 1.0 / 11
        sum = sum * square + 1.0 / 9
        sum = sum * square + 1.0 / 7
        sum = sum * square + 1.0 / 5
        sum = sum * square + 1.0 / 3
        sum = sum * square + 1
        return -(2 * ratio * sum + exponent * 0.693_147_180_559_945_3)
    }
}
