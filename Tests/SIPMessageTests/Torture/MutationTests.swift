// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

/// A small part of what `Tests/Simulate/run.sh --damage` does a million times, and `make fuzz` without end.
@Suite("Torture messages under random damage")
struct MutationTests {
    @Test(
        "MSG-61, MSG-62: what is still taken after damage is forwarded as a message that is taken again",
        arguments: 0..<20
    )
    func damage(_ seed: Int) {
        var damage = Damage(seed: UInt64(seed))
        var taken = 0
        for vector in Vectors.all {
            for _ in 0..<10 {
                let check = DamageCheck(ByteBuffer(bytes: damage.apply(to: Array(vector.bytes.readableBytesView))))
                #expect(check.problems.isEmpty, "seed \(seed)")
                if check.wasTaken { taken += 1 }
            }
        }
        // Damage that is refused every time would prove nothing.
        #expect(taken > 50)
    }
}
