// SPDX-License-Identifier: Apache-2.0

/// What `/api/v1/status` and `brana status --json` give.
package struct StatusReport: Codable, Sendable {
    package var name: String
    package var version: String
    package var generation: UInt64
    package var uptimeSeconds: Int
    package var workers: Int
    package var connections: Int
    package var transactions: Int
    package var isDraining: Bool
    package var reloads: Reloads
    package var listeners: [Listener]
    package var pools: [PoolReport]
    package var certificates: [Certificate]
    package var dns: DNS

    package struct Reloads: Codable, Sendable {
        package var succeeded: UInt64
        package var failed: UInt64
        package var lastSucceeded: Bool
    }

    package struct Listener: Codable, Sendable {
        package var name: String
        package var address: String
        package var transport: String
        package var tls: String?
        package var role: String
    }

    package struct Certificate: Codable, Sendable {
        package var profile: String
        package var subject: String
        package var daysLeft: Int
    }

    package struct DNS: Codable, Sendable {
        package var cacheEntries: Int
        package var staleEntries: Int
        package var queries: [String: UInt64]
    }
}

/// One pool, in `/api/v1/pools` and in the status.
package struct PoolReport: Codable, Sendable {
    package var name: String
    package var target: String
    package var affinity: String
    /// How a backend is chosen where affinity is none.
    package var balance: String
    /// Seconds until the first record that the pool rests on expires; nil for a literal address.
    package var ttlLeft: Int?
    package var isStale: Bool
    /// Whether part of the target could not be asked.
    package var isPartial: Bool
    package var problem: String?
    /// What is wrong with the records.
    package var notes: [String]
    package var refreshes: UInt64
    package var backends: [BackendReport]
}

/// One backend of a pool.
package struct BackendReport: Codable, Sendable {
    /// Its name in commands: transport, address and port.
    package var id: String
    package var name: String
    package var priority: UInt16
    package var weight: UInt16
    /// The share of new requests that RFC 2782 or the affinity gives it now.
    package var expectedShare: Double
    /// The share of answered requests that it had so far.
    package var share: Double
    package var requests: UInt64
    package var failures: UInt64
    package var health: String
    package var reason: String
    /// What it must prove where DANE applies (RFC 7673).
    package var dane: String?
}
