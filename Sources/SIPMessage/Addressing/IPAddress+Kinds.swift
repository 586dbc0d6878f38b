// SPDX-License-Identifier: Apache-2.0

/// What an address is good for (RFC 6890); an IPv4-mapped one is judged as the IPv4 address in it.
extension IPAddress {
    /// Loopback: 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        switch unmapped {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// 0.0.0.0 or ::.
    package var isUnspecified: Bool {
        switch unmapped {
        case .v4(let value): value == 0
        case .v6(let high, let low): high == 0 && low == 0
        }
    }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool {
        switch unmapped {
        case .v4(let value): value >> 28 == 0xE
        case .v6(let high, _): high >> 56 == 0xFF
        }
    }

    /// 255.255.255.255.
    package var isBroadcast: Bool { unmapped == .v4(.max) }

    /// Unspecified, broadcast or multicast: no response may ever be sent there (TRN-32).
    package var isUnsendable: Bool { isUnspecified || isBroadcast || isMulticast }

    /// Link-local, which holds the clouds' metadata address 169.254.169.254 too.
    package var isLinkLocal: Bool {
        switch unmapped {
        case .v4(let value): value >> 16 == 0xA9FE
        case .v6(let high, _): high >> 54 == 0x3FA
        }
    }

    /// Whether it says nothing of where others reach this host: private (RFC 1918, RFC 6598, RFC 4193), loopback or
    /// link-local.
    package var isPrivate: Bool {
        if isLoopback || isLinkLocal || isUnsendable { return true }
        switch unmapped {
        case .v4(let address):
            return address >> 24 == 10 || address >> 20 == 0xAC1 || address >> 16 == 0xC0A8 || address >> 22 == 0x191
        case .v6(let high, _): return high >> 57 == 0x7E
        }
    }
}
