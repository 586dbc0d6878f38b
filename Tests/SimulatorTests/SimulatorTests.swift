// SPDX-License-Identifier: Apache-2.0

internal import Simulator
internal import Testing

/// A few seeds of `make simulate`, which `make test` runs by the thousand.
@Suite("Calls through simulated trouble")
struct SimulatorTests {
    @Test(
        "PRX-53, TXN-31, TXN-45: whatever goes wrong, requests are answered once, arrive as they left, and leave nothing",
        arguments: 0..<8 as Range<UInt64>
    )
    func holds(block: UInt64) {
        var total = Count()
        for seed in (block * 4)..<(block * 4 + 4) {
            let run = Simulation(seed: seed, seconds: 20)
            #expect(run.failures == [], "make simulate SEED=\(seed) HOURS=\(20.0 / 3600)")
            total += run.count
        }
        // A simulation in which nothing happens proves nothing.
        #expect(total.answered > 10 && total.succeeded > 50 && total.compared > 100 && total.troubles.count > 2)
    }

    @Test("A seed replays exactly", arguments: [3, 5] as [UInt64])
    func replays(seed: UInt64) {
        let first = Simulation(seed: seed, seconds: 20)
        let second = Simulation(seed: seed, seconds: 20, isTraced: true)
        #expect(first.digest == second.digest && first.count == second.count)
        #expect(!second.log.isEmpty && first.log.isEmpty)
    }
}
