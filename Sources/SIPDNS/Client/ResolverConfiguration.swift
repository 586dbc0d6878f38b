// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import SIPMessage

/// Reads `/etc/resolv.conf` as far as a stub resolver for full names needs it (LOC-69, LOC-70).
package enum ResolverConfiguration {
    package static let standardFile = "/etc/resolv.conf"

    /// The name servers of the file; the local host when it names none.
    package static func servers(file: String = standardFile) -> [DNSServer] {
        let found = read(file: file).servers
        return found.isEmpty ? fallback : found
    }

    /// The name servers of the file, and what in it is no address of one.
    package static func read(file: String = standardFile) -> (servers: [DNSServer], unread: [String]) {
        guard let stream = fopen(file, "r") else { return ([], []) }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, stream)
        return read(String(decoding: bytes[..<count], as: UTF8.self))
    }

    /// The name servers that a text in the file's form names.
    package static func servers(in text: String) -> [DNSServer] { read(text).servers }

    private static func read(_ text: String) -> (servers: [DNSServer], unread: [String]) {
        var found: (servers: [DNSServer], unread: [String]) = ([], [])
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver" else { continue }
            if let server = server(words[1]) {
                found.servers.append(server)
            } else {
                found.unread.append(String(words[1]))
            }
        }
        return found
    }

    /// An address, with its interface after `%` for a link-local one (RFC 4007 section 11).
    private static func server(_ word: Substring) -> DNSServer? {
        let parts = word.split(separator: "%", maxSplits: 1)
        guard let address = IPAddress(parsing: parts[0]) else { return nil }
        guard parts.count == 2 else { return DNSServer(address) }
        let scope = UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
        return scope > 0 && address.isLinkLocal ? DNSServer(address, scope: scope) : nil
    }

    private static let fallback = [DNSServer(.v4(0x7F00_0001))]
}
