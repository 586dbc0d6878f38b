// SPDX-License-Identifier: Apache-2.0

/// Which extended key usages make a certificate fit for SIP (RFC 5924 section 5, TLS-18).
package enum ExtendedKeyUsagePolicy: Sendable, Hashable {
    /// None, any, the SIP domain's, or the one of the web for the peer's role.
    ///
    /// RFC 5924 would refuse the last, but nearly every public certificate has nothing else.
    case compatible
    /// None, or the SIP domain's.
    case strict
    /// As ``compatible``, and a client may show a certificate made for servers only (TLS-19): public authorities issue
    /// no other.
    case compatibleAcceptingServerAsClient

    /// Whether a peer with these usages may be what it is in this connection.
    package func accepts(_ usages: ExtendedKeyUsages, ofServer peerIsServer: Bool) -> Bool {
        if usages.isAbsent || usages.contains(.sipDomain) { return true }
        guard self != .strict else { return false }
        if usages.contains(.any) { return true }
        if peerIsServer { return usages.contains(.serverAuthentication) }
        if usages.contains(.clientAuthentication) { return true }
        return self == .compatibleAcceptingServerAsClient && usages.contains(.serverAuthentication)
    }
}

/// The extended key usages of a certificate that matter here.
package struct ExtendedKeyUsages: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let serverAuthentication = Self(rawValue: 1)
    package static let clientAuthentication = Self(rawValue: 2)
    package static let any = Self(rawValue: 4)
    package static let sipDomain = Self(rawValue: 8)
    package static let other = Self(rawValue: 16)

    /// Whether the certificate says nothing about its use.
    package var isAbsent: Bool { self.isEmpty }
}
