// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// An address written as text, as the bytes that a certificate holds for it (RFC 5280 section 4.2.1.6).
package struct AddressLiteral: Sendable, Hashable {
    /// Four or sixteen bytes, in network order.
    package let bytes: [UInt8]

    /// Reads `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`; nil for anything else.
    package init?(_ text: String) {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        var fourBytes = in_addr()
        if inet_pton(AF_INET, bare, &fourBytes) == 1 {
            self.bytes = withUnsafeBytes(of: &fourBytes, Array.init)
            return
        }
        var sixteenBytes = in6_addr()
        guard inet_pton(AF_INET6, bare, &sixteenBytes) == 1 else { return nil }
        self.bytes = withUnsafeBytes(of: &sixteenBytes, Array.init)
    }

    /// The text of four or sixteen bytes; nil for another number of them.
    package static func text(of bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room in
            guard let start = room.baseAddress, inet_ntop(family, bytes, start, 64) != nil else { return nil }
            return String(cString: start)
        }
    }
}
