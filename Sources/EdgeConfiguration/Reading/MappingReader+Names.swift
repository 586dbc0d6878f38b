// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// What names, hosts and addresses look like.
extension MappingReader {
    /// A name of the operator's choice, for a listener, a pool or a TLS profile.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    /// A host name whose labels DNS could hold, or an address.
    static func isHost(_ text: String) -> Bool {
        if IPAddress(parsing: text) != nil { return true }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { $0.utf8.count <= 63 && isName(String($0)) }
    }

    /// `address:port`, the address in brackets when it is IPv6.
    static func socketAddress(_ text: String) -> (IPAddress, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let address = IPAddress(parsing: text[..<colon]),
            let port = count(text[text.index(after: colon)...]).flatMap({ UInt16(exactly: $0) })
        else { return nil }
        let isBracketed = text.hasPrefix("[")
        return address.isIPv6 == isBracketed ? (address, port) : nil
    }
}
