// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import TestSupport
internal import Testing

@testable import SIPProxy

@Suite("Counts by client")
struct HeldCountsTests {
    private static func key(_ number: UInt64) -> HeldCounts.Key {
        number % 2 == 0
            ? HeldCounts.Key(FlowID(rawValue: number)) : HeldCounts.Key(.v4(UInt32(number)), isProven: number % 3 == 0)
    }

    @Test("TXN-46: they are exact, whatever comes and goes, and nothing is kept of who has none")
    func exact() {
        var generator = SeededGenerator(seed: 46)
        var counts = HeldCounts(seed: 7)
        var expected: [UInt64: Int] = [:]
        for step in 0..<60_000 {
            // More keys than there are places at first, then fewer, then none.
            let number = generator.next() % (step < 30_000 ? 3_000 : 40)
            let held = expected[number] ?? 0
            if generator.next() % 2 == 0 {
                let isTaken = counts.add(Self.key(number), below: 3)
                #expect(isTaken == (held < 3))
                expected[number] = min(held + 1, 3)
            } else {
                counts.subtract(Self.key(number))
                expected[number] = held > 1 ? held - 1 : nil
            }
        }
        #expect(counts.count == expected.count)
        for (number, held) in expected {
            let isTaken = counts.add(Self.key(number), below: held)
            #expect(!isTaken)
            for _ in 0..<held { counts.subtract(Self.key(number)) }
        }
        #expect(counts.count == 0)
    }
}
