// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// One run of one seed.
package struct Simulation: Sendable {
    package let seed: UInt64
    package let count: Count
    /// What did not hold; empty when all did.
    package let failures: [String]
    /// What happened, when it was to be told.
    package let log: [String]
    /// The same for every run of the seed.
    package let digest: UInt64

    /// Simulates so many seconds of traffic and trouble, and the quiet after it.
    package init(seed: UInt64, seconds: Double, isTraced: Bool = false) {
        let world = World(seed: seed, isTraced: isTraced)
        world.run(for: .nanoseconds(Int64(seconds * 1e9)))
        self.seed = seed
        count = world.count
        failures = world.failures
        log = world.log
        digest = world.digest
    }
}
