// SPDX-License-Identifier: Apache-2.0

/// A domain that a certificate vouches for, in lower case and without a trailing dot (RFC 5922 section 7).
package struct DomainIdentity: Sendable, Hashable {
    package let bytes: [UInt8]

    /// The host of a `sip` URI that has no user; nil for any other URI (RFC 5922 section 7.1).
    package init?(sipURI uri: [UInt8]) {
        let scheme = Array("sip:".utf8)
        guard uri.count > scheme.count, zip(uri, scheme).allSatisfy({ Self.lowercased($0) == $1 }) else { return nil }
        let rest = uri[scheme.count...]
        guard !rest.contains(UInt8(ascii: "@")), rest.allSatisfy(Self.isPrintable) else { return nil }
        let end = rest.firstIndex { ":;?/".utf8.contains($0) } ?? rest.endIndex
        self.init(dnsName: Array(rest[..<end]))
    }

    /// A DNS name; nil when it holds a byte that no such name has, or has no label.
    package init?(dnsName: [UInt8]) {
        let name = dnsName.last == UInt8(ascii: ".") ? dnsName.dropLast() : dnsName[...]
        guard !name.isEmpty, name.allSatisfy(Self.isNameByte), !Self.isIPv4Literal(name) else { return nil }
        self.bytes = name.map(Self.lowercased)
    }

    /// Whether this name, taken from a certificate, stands for the domain (RFC 5922 section 7.2): whole, in any case.
    ///
    /// A wildcard as the whole left-most label is the one deviation that can be allowed (TLS-16).
    package func matches(_ domain: DomainIdentity, acceptingWildcards: Bool) -> Bool {
        if self.bytes.starts(with: "*.".utf8) {
            guard acceptingWildcards, let dot = domain.bytes.firstIndex(of: UInt8(ascii: ".")), dot > 0 else {
                return false
            }
            let parent = self.bytes.dropFirst(2)
            return parent.contains(UInt8(ascii: ".")) && domain.bytes[(dot &+ 1)...] == parent
        }
        return self.bytes == domain.bytes
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    private static func isPrintable(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        case UInt8(ascii: "*"): true
        default: false
        }
    }

    private static func isIPv4Literal(_ name: ArraySlice<UInt8>) -> Bool {
        name.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }
    }
}
