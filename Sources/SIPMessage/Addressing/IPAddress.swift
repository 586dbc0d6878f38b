// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address as a number, so that two spellings of one address are equal (RFC 5954 section 4.2).
package enum IPAddress: Sendable, Hashable {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// Whether the address belongs to the IPv6 family.
    @inlinable
    package var isIPv6: Bool {
        if case .v6 = self { return true }
        return false
    }

    /// The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:a.b.c.d`), any other address unchanged.
    ///
    /// A dual-stack socket reports IPv4 peers in the mapped form; SIP writes and compares them as IPv4 (TRN-22).
    @inlinable
    package var unmapped: IPAddress {
        guard case .v6(high: 0, let low) = self, low >> 32 == 0xFFFF else { return self }
        return .v4(UInt32(truncatingIfNeeded: low))
    }
}
