// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation
internal import TestSupport
internal import Testing

@Suite("Configurations under random damage")
struct DamageTests {
    /// Numbers that a seed determines (splitmix64).
    struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    @Test(
        "Whatever bytes change, the loader ends, and gives a configuration or a reason",
        arguments: 1...8 as ClosedRange<UInt64>
    )
    func damage(seed: UInt64) throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("damaged.yaml")
        let sound = Array(try Repository.text("config/full.yaml").utf8)
        let marks = Array("{}[]:,-#&*!|>'\"%@`\t\n ~?\u{0}".utf8) + [0xFF, 0xC3]
        var numbers = Numbers(state: seed)
        var refused = 0
        for _ in 0..<40 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                let index = Int.random(in: bytes.indices, using: &numbers)
                let mark = marks[Int.random(in: marks.indices, using: &numbers)]
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0: bytes[index] = mark
                case 1: bytes.insert(mark, at: index)
                case 2: bytes.remove(at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + 40))
                }
            }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let outcome = ConfigurationLoader.load(path, checksFiles: false)
            #expect((outcome.configuration == nil) == !outcome.errors.isEmpty)
            let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).count
            #expect(outcome.problems.allSatisfy { (0...lines).contains($0.line) && !$0.message.isEmpty })
            refused += outcome.errors.isEmpty ? 0 : 1
        }
        #expect(refused > 10)
    }
}
