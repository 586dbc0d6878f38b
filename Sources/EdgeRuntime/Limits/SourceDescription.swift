// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What is known of a source that made trouble on its connections, for `/api/v1/sources` (OVL-39).
package struct SourceDescription: Sendable, Hashable {
    package let address: IPAddress
    /// Requests above its limits.
    package var refused: UInt64
    /// Requests that backends answered 401, 403 or 404.
    package var failures: UInt64
    /// For how long it is banned yet; nil when it is not.
    package var bannedFor: TimeAmount?

    package init(address: IPAddress, refused: UInt64, failures: UInt64, bannedFor: TimeAmount?) {
        self.address = address
        self.refused = refused
        self.failures = failures
        self.bannedFor = bannedFor
    }

    /// Adds what another worker knows of it.
    package mutating func merge(_ other: SourceDescription) {
        refused &+= other.refused
        failures &+= other.failures
        bannedFor = [bannedFor, other.bannedFor].compactMap { $0 }.max()
    }
}

extension SourceTable {
    /// Sources of connections that were refused, failed or are banned.
    package func descriptions(now: NIODeadline) -> [SourceDescription] {
        places.compactMap { source in
            let isBanned = source.bannedUntil > now
            guard let address = source.key.provenAddress, isBanned || source.refused > 0 || source.allFailures > 0
            else {
                return nil
            }
            return SourceDescription(
                address: address,
                refused: source.refused,
                failures: source.allFailures,
                bannedFor: isBanned ? source.bannedUntil - now : nil
            )
        }
    }
}

extension Edge {
    /// The same of all workers together, in no order.
    package func sources() async throws -> [SourceDescription] {
        var all: [IPAddress: SourceDescription] = [:]
        for worker in workers {
            let sources = try await worker.submit { worker in
                worker.sources?.descriptions(now: worker.eventLoop.now) ?? []
            }.get()
            for source in sources {
                if all[source.address] == nil {
                    all[source.address] = source
                } else {
                    all[source.address]?.merge(source)
                }
            }
        }
        return Array(all.values)
    }
}
