// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import TestSupport
internal import Testing

/// A control that expectations may change.
private final class Held {
    private var control = OverloadControl()

    @discardableResult
    func take(_ feedback: OverloadControl.Feedback, now: NIODeadline) -> Bool { control.take(feedback, now: now) }

    func percent(at now: NIODeadline) -> UInt32 { control.percent(at: now) }

    func holdsBack(_ category: OverloadControl.Category, now: NIODeadline, draw: () -> Double) -> Bool {
        control.holdsBack(category, now: now, draw: draw)
    }
}

@Suite("Overload control, loss algorithm")
struct OverloadControlTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// How many of `count` requests are sent, by category; every `period`-th of them is protected.
    private func send(_ percent: UInt32, count: Int, protectedOf period: Int) -> (ordinary: Double, protected: Double) {
        var control = OverloadControl()
        var generator = SeededGenerator(seed: 7)
        var (sent, all) = ([0, 0], [0, 0])
        control.take(.init(percent: percent, validity: .seconds(60)), now: Self.start)
        for number in 0..<count {
            let isProtected = number % 10 < period
            let isHeld = control.holdsBack(isProtected ? .protected : .ordinary, now: Self.start) {
                Double.random(in: 0..<1, using: &generator)
            }
            all[isProtected ? 1 : 0] += 1
            if !isHeld { sent[isProtected ? 1 : 0] += 1 }
        }
        return (Double(sent[0]) / Double(all[0]), Double(sent[1]) / Double(all[1]))
    }

    @Test("V-OVL-01, OVL-10: of 100,000 requests at oc=20, 80,000 ± 400 are sent, and nothing protected is held back")
    func split() {
        let sent = send(20, count: 100_000, protectedOf: 2)
        #expect(abs(sent.ordinary * 80_000 + sent.protected * 20_000 - 80_000) <= 400)
        #expect(abs(sent.ordinary - 0.75) < 0.01 && sent.protected == 1)
    }

    @Test("V-OVL-01: where few requests are ordinary, more of them are held back")
    func fewOrdinary() {
        let sent = send(10, count: 100_000, protectedOf: 6)
        #expect(abs(sent.ordinary - 0.75) < 0.01 && sent.protected == 1)
    }

    @Test("V-OVL-01: beyond all that is ordinary, what is protected is held back for the rest")
    func beyond() {
        let sent = send(90, count: 100_000, protectedOf: 2)
        #expect(sent.ordinary == 0 && abs(sent.protected - 0.5) < 0.02)
    }

    @Test("OVL-10: at 0 everything is sent, at 100 nothing; more than 100 changes nothing")
    func ends() {
        #expect(send(0, count: 1000, protectedOf: 2) == (1, 1))
        #expect(send(100, count: 1000, protectedOf: 2) == (0, 0))
        let control = Held()
        #expect(!control.take(.init(percent: 101), now: Self.start) && control.percent(at: Self.start) == 0)
        control.take(.init(percent: 30), now: Self.start)
        #expect(!control.take(.init(percent: 101), now: Self.start) && control.percent(at: Self.start) == 30)
    }

    @Test(
        "OVL-08: a larger sequence replaces and starts the validity anew; an equal or a somewhat smaller one does not"
    )
    func sequences() {
        let control = Held()
        let base: UInt64 = 1_700_000_060 * 100_000
        #expect(control.take(.init(percent: 20, sequence: base + 25_000), now: Self.start))
        #expect(!control.take(.init(percent: 50, sequence: base + 25_000), now: Self.start + .milliseconds(300)))
        #expect(!control.take(.init(percent: 50, sequence: base + 10_000), now: Self.start + .milliseconds(300)))
        #expect(control.percent(at: Self.start + .milliseconds(499)) == 20)
        #expect(control.percent(at: Self.start + .milliseconds(500)) == 0)
        #expect(!control.take(.init(percent: 50, sequence: base + 10_000), now: Self.start + .seconds(5)))
        #expect(control.take(.init(percent: 50, sequence: base + 30_000), now: Self.start + .seconds(5)))
        #expect(control.percent(at: Self.start + .milliseconds(5_499)) == 50)
    }

    @Test("OVL-08: a sequence that has overflowed, or begun anew, is taken, and what follows it too")
    func overflow() {
        let control = Held()
        control.take(.init(percent: 20, sequence: 999_999_999_999 * 100_000), now: Self.start)
        #expect(control.take(.init(percent: 40, sequence: 100_000), now: Self.start))
        #expect(control.take(.init(percent: 60, sequence: 200_000), now: Self.start))
        #expect(control.percent(at: Self.start) == 60)
    }

    @Test("OVL-13: validity 0 ends control at once, and no validity is longer than a minute")
    func validity() {
        let control = Held()
        control.take(.init(percent: 100, sequence: 1), now: Self.start)
        #expect(control.percent(at: Self.start) == 100)
        control.take(.init(percent: 100, validity: .zero, sequence: 2), now: Self.start)
        #expect(control.percent(at: Self.start) == 0)
        control.take(.init(percent: 100, validity: .hours(10), sequence: 3), now: Self.start)
        #expect(control.percent(at: Self.start + .seconds(59)) == 100)
        #expect(control.percent(at: Self.start + .seconds(60)) == 0)
    }

    @Test("OVL-10: the mix of an hour ago decides nothing any more")
    func fades() {
        let control = Held()
        for _ in 0..<1000 { _ = control.holdsBack(.protected, now: Self.start) { 0 } }
        let later = Self.start + .hours(1)
        for _ in 0..<10 { _ = control.holdsBack(.ordinary, now: later) { 0 } }
        control.take(.init(percent: 50), now: later)
        // All that comes now is ordinary, so that half of it is to go.
        #expect(!control.holdsBack(.ordinary, now: later) { 0.6 } && control.holdsBack(.ordinary, now: later) { 0.4 })
    }
}
