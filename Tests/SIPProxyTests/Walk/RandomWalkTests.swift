// SPDX-License-Identifier: Apache-2.0

internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Random walks of the proxy core")
struct RandomWalkTests {
    @Test(
        "PRX-53, TXN-31, TXN-42, TXN-45: no walk traps, answers twice, answers an ACK, writes nonsense or leaves anything",
        arguments: 0..<8 as Range<UInt64>
    )
    func walks(block: UInt64) {
        var (finals, refusals) = (0, 0)
        for seed in (block * 30)..<(block * 30 + 30) {
            var walk = Walk(seed: seed, choices: SeededGenerator(seed: seed))
            for _ in 0..<120 { walk.step() }
            walk.finish()
            finals += walk.ledger.finalCount
            refusals += walk.ledger.refusalCount
            #expect(walk.ledger.problems == [], "seed \(seed)")
            #expect(walk.bench.core.outstandingLoad == 0, "seed \(seed)")
            #expect(walk.bench.isQuiet, "seed \(seed): \(walk.bench.core.transactionCount) left")
        }
        // A walk that gets nowhere proves nothing.
        #expect(finals > 30 * 10 && refusals > 30)
    }
}
