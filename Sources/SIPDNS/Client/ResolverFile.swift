// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import NIOCore

/// Watches resolv.conf: looks from time to time whether it is another file than before.
package struct ResolverFile: Sendable {
    /// Time between two looks.
    static let interval = TimeAmount.seconds(2)

    package let file: String
    private var seen: FileStamp?
    private var hasLooked = false
    private var nextLook = NIODeadline.uptimeNanoseconds(0)

    package init(_ file: String = ResolverConfiguration.standardFile) {
        self.file = file
    }

    /// What the file says, at the first look and whenever it has changed; nil when there is nothing new.
    package mutating func look(now: NIODeadline) -> (servers: [DNSServer], unread: [String])? {
        guard nextLook <= now else { return nil }
        nextLook = now + Self.interval
        // A link is followed: some systems put another file behind it.
        let stamp = ZoneSource.file(file).stamp()
        guard !hasLooked || stamp != seen else { return nil }
        (seen, hasLooked) = (stamp, true)
        let found = ResolverConfiguration.read(file: file)
        return (ResolverConfiguration.servers(file: file), found.unread)
    }
}
