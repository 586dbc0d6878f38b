// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Takes an input for what happens to a proxy core: messages on several flows, made, damaged or written in the input
/// itself, answers, failures, closed flows, reloads and time.
@main
struct FuzzCore {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    /// More steps make an input slow, and show nothing that as many in the next could not.
    private static let stepLimit = 200
    private static let rawLimit = 4096

    static func check(_ input: ByteBuffer) {
        var walk = Walk(seed: UInt64(input.readableBytes), choices: InputChoices(input))
        for _ in 0..<stepLimit where !walk.choices.isExhausted {
            if let (place, raw) = walk.choices.takeRaw(limit: rawLimit) {
                walk.receive(raw, place: place)
            } else {
                walk.step()
            }
        }
        walk.finish()
        claim(walk.bench.core.outstandingLoad == 0, "load of requests that have ended")
        claim(walk.bench.isQuiet, "\(walk.bench.core.transactionCount) transactions are left, or their timers")
        let problems = walk.ledger.problems
        claim(!walk.isExact || problems.isEmpty, problems.joined(separator: "\n"))
    }
}

/// What a bench finds wrong with what leaves it.
enum BenchProblem {
    static func report(_ text: String) { claim(false, text) }
}

/// Numbers of an input: two bytes of it decide each; when it has ended, they come from a seed.
struct InputChoices: RandomNumberGenerator {
    private(set) var input: ByteBuffer
    private var rest: UInt64

    init(_ input: ByteBuffer) {
        self.input = input
        rest = input.seed
    }

    var isExhausted: Bool { input.readableBytes < 2 }

    mutating func next() -> UInt64 {
        // Never one number for ever: a draw between bounds repeats until it fits.
        rest = rest &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        guard let high: UInt16 = input.readInteger() else { return rest }
        return UInt64(high) << 48 | rest >> 16
    }

    /// A message that stands in the input behind the byte 255, the place of its flow and its length.
    mutating func takeRaw(limit: Int) -> (place: Int, bytes: ByteBuffer)? {
        guard input.getInteger(at: input.readerIndex, as: UInt8.self) == 255 else { return nil }
        input.moveReaderIndex(forwardBy: 1)
        guard let place: UInt8 = input.readInteger(), let length: UInt16 = input.readInteger() else { return nil }
        let count = min(Int(length), limit, input.readableBytes)
        return input.readSlice(length: count).map { (Int(place), $0) }
    }
}
