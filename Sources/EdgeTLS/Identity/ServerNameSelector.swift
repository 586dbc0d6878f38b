// SPDX-License-Identifier: Apache-2.0

/// Chooses by the server name that a client asks for: an exact name first, then a wildcard one label above (TLS-07).
package struct ServerNameSelector: Sendable {
    private var exact: [[UInt8]: Int] = [:]
    /// By what follows the `*.`.
    private var wildcards: [[UInt8]: Int] = [:]

    /// - Parameter names: each a DNS name or `*.` and a DNS name, with the value that stands for it; the first of equal
    ///   names counts.
    package init(_ names: [(name: String, value: Int)]) {
        for (name, value) in names {
            guard let ascii = InternationalName.asciiForm(of: name) else { continue }
            let key = Self.normalized(ascii)
            if key.starts(with: "*.".utf8) {
                let parent = Array(key.dropFirst(2))
                if self.wildcards[parent] == nil { self.wildcards[parent] = value }
            } else if self.exact[key] == nil {
                self.exact[key] = value
            }
        }
    }

    /// The value for the name as it came from the client, nil when nothing fits.
    package func value(for name: some Collection<UInt8>) -> Int? {
        let key = Self.normalized(name)
        if let value = self.exact[key] { return value }
        guard let dot = key.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        return self.wildcards[Array(key[(dot &+ 1)...])]
    }

    private static func normalized(_ name: some Collection<UInt8>) -> [UInt8] {
        var key = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if key.last == UInt8(ascii: ".") { key.removeLast() }
        return key
    }
}

/// The server name extension of a ClientHello (RFC 6066 section 3).
package enum ServerNameExtension {
    /// The host name in the extension's body; nil when there is none or the body is malformed.
    package static func hostName(in body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        // Two bytes of list length, one of type, two of name length, the name.
        guard body.count > 5, body[2] == 0 else { return nil }
        let listLength = Int(body[0]) << 8 | Int(body[1])
        let nameLength = Int(body[3]) << 8 | Int(body[4])
        guard listLength == body.count &- 2, nameLength > 0, nameLength <= body.count &- 5 else { return nil }
        return UnsafeRawBufferPointer(rebasing: body[5..<(5 &+ nameLength)])
    }
}
