// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What is known of a source that made trouble, for `/api/v1/sources` (OVL-39).
package struct SourceDescription: Sendable, Hashable {
    package let address: IPAddress
    /// Whether this is of its connections; over UDP anybody can write its address.
    package let isProven: Bool
    /// Requests above its limits.
    package var refused: UInt64
    /// Requests that backends answered 401, 403 or 404.
    package var failures: UInt64
    /// For how long it is banned yet; nil when it is not.
    package var bannedFor: TimeAmount?

    package init(
        address: IPAddress,
        isProven: Bool = true,
        refused: UInt64,
        failures: UInt64,
        bannedFor: TimeAmount?
    ) {
        self.address = address
        self.isProven = isProven
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
    /// Sources that were refused, failed or are banned.
    package func descriptions(now: NIODeadline) -> [SourceDescription] {
        places.compactMap { source in
            let isBanned = source.bannedUntil > now
            guard let address = source.key.address, isBanned || source.refused > 0 || source.allFailures > 0
            else {
                return nil
            }
            return SourceDescription(
                address: address,
                isProven: source.key.isProven,
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
        var all: [SourceKey: SourceDescription] = [:]
        for worker in workers {
            let sources = try await worker.submit { worker in
                worker.sources?.descriptions(now: worker.eventLoop.now) ?? []
            }.get()
            for source in sources {
                let key = SourceKey(source.address, isProven: source.isProven)
                if all[key] == nil {
                    all[key] = source
                } else {
                    all[key]?.merge(source)
                }
            }
        }
        return Array(all.values)
    }
}
