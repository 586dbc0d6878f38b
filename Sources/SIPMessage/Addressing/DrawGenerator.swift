// SPDX-License-Identifier: Apache-2.0

/// The random numbers of one selection, grown from one number of the caller's generator.
///
/// A concrete type lets the compiler specialise a draw inside its module; called across modules with a generic generator
/// it would run many times slower. The numbers are those of SplitMix64.
package struct DrawGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word &>> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word &>> 31)
    }
}
