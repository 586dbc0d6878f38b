// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@testable import SIPProxy

@Suite("Branches and timers in great numbers")
struct BranchTests {
    @Test("MSG-52: 100,000 branches are tokens of one length, no two alike, and each is read as it was written")
    func tokens() {
        var generator = DrawGenerator(seed: 52)
        var seen: Set<[UInt8]> = []
        for number in 0..<100_000 {
            let bits = generator.next()
            let branch = Branch(
                worker: WorkerIndex(truncatingIfNeeded: bits >> 48),
                // Slots are used again, and only the nonce tells one use from the next.
                slot: UInt32(number % 16),
                nonce: bits & Branch.nonceMask,
                loop: UInt32(truncatingIfNeeded: generator.next())
            )
            var text = ByteBuffer()
            branch.write(into: &text)
            let bytes = Array(text.readableBytesView)
            let isToken = bytes.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2E
            }
            if !isToken || bytes.count != Branch.length || !seen.insert(bytes).inserted
                || Branch.read(text, ByteRange(0, bytes.count)) != branch
            {
                Issue.record("\(String(buffer: text))")
            }
        }
        #expect(seen.count == 100_000)
    }

    @Test("TXN-02: each of 100,000 timers comes due within a slot of ten milliseconds, and never early")
    func timers() {
        let beginning = NIODeadline.uptimeNanoseconds(1_000_000_003)
        var wheel = TimerWheel(now: beginning)
        var generator = DrawGenerator(seed: 2)
        // A whole turn of the wheel and no more: what is further off is asked after again.
        let deadlines = (0..<100_000).map { _ in
            beginning + .nanoseconds(Int64(generator.next() % 32_000_000_000))
        }
        for (number, deadline) in deadlines.enumerated() {
            wheel.arm(.init(kind: .client, slot: UInt32(number), nonce: 0), for: wheel.call(for: deadline))
        }
        #expect(wheel.count == 100_000)
        var worst = TimeAmount.zero
        var early = 0
        var now = beginning
        while wheel.count > 0, now < beginning + .seconds(40) {
            now = now + .milliseconds(1)
            var due: [TimerWheel.Owner] = []
            wheel.advance(to: now, into: &due)
            for owner in due {
                let lateness = now - deadlines[Int(owner.slot)]
                if lateness < .zero { early += 1 }
                worst = max(worst, lateness)
            }
        }
        // The clock of the test is a millisecond coarse too.
        #expect(wheel.count == 0 && early == 0 && worst <= .milliseconds(11))
    }
}
