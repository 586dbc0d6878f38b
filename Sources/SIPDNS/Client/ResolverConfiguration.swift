// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import SIPMessage

/// Reads `/etc/resolv.conf` as far as a stub resolver for full names needs it (LOC-69, LOC-70).
package enum ResolverConfiguration {
    /// The name servers of the file; the local host when it names none.
    package static func servers(file: String = "/etc/resolv.conf") -> [(address: IPAddress, port: UInt16)] {
        guard let stream = fopen(file, "r") else { return fallback }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, stream)
        let found = servers(in: String(decoding: bytes[..<count], as: UTF8.self))
        return found.isEmpty ? fallback : found
    }

    /// The name servers that a text in the file's form names.
    package static func servers(in text: String) -> [(address: IPAddress, port: UInt16)] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver", let address = IPAddress(parsing: words[1]) else {
                return nil
            }
            return (address, 53)
        }
    }

    private static let fallback: [(address: IPAddress, port: UInt16)] = [(.v4(0x7F00_0001), 53)]
}
