// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What clients are asked to hold back, in virtual time")
struct OverloadReporterTests {
    private static let half = Shedding(share: Shedding.whole / 2, isSilent: false)
    private var reporter = OverloadReporter(epoch: 1_700_000_000_000_000_000)
    private var now = NIODeadline.uptimeNanoseconds(0)

    private mutating func wait(_ milliseconds: Int64) { now = now + .milliseconds(milliseconds) }

    private func text(_ feedback: OverloadFeedback) -> String {
        var buffer = ByteBuffer()
        feedback.write(into: &buffer)
        return String(buffer: buffer)
    }

    @Test("OVL-15, V-OVL-02: calm is oc=0 with oc-validity=0, overload a percentage for 500 ms, by time stamps")
    mutating func shape() {
        wait(100)
        #expect(text(reporter.feedback(now: now)) == ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1700000000.10000")
        now = now + .seconds(60)
        reporter.take(Shedding(share: Shedding.whole / 5, isSilent: false))
        #expect(text(reporter.feedback(now: now)) == ";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1700000060.10000")
        reporter.take(.none)
        wait(1)
        #expect(text(reporter.feedback(now: now)) == ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1700000060.10100")
        let small = OverloadFeedback(percent: 1, validity: 500, sequence: 100_007)
        #expect(text(small) == ";oc=1;oc-algo=\"loss\";oc-validity=500;oc-seq=1.00007")
    }

    @Test("OVL-15: another value always has a larger sequence, the same one at the same time the same, none a smaller")
    mutating func sequence() {
        var last = reporter.feedback(now: now)
        #expect(reporter.feedback(now: now) == last)
        for step in 1...1_000 {
            reporter.take(step % 2 == 0 ? .none : Self.half)
            if step % 100 == 0 { wait(1) }
            let next = reporter.feedback(now: now)
            #expect(next.sequence > last.sequence && next.percent == (step % 2 == 0 ? 0 : 50))
            last = next
        }
        wait(1_000)
        let later = reporter.feedback(now: now)
        #expect(later.sequence > last.sequence && later.percent == last.percent)
    }

    @Test("OVL-15: the share of new requests that is turned away is told as per cent of all, by the mix of both")
    mutating func mix() {
        for number in 0..<20_000 { reporter.count(beginsSomething: number % 5 < 2) }
        reporter.take(Self.half)
        #expect((20...21).contains(reporter.percent))
        // What comes now was thinned by the client.
        for _ in 0..<20_000 { reporter.count(beginsSomething: false) }
        reporter.take(Shedding(share: Shedding.whole / 4 * 3, isSilent: false))
        #expect((30...31).contains(reporter.percent))
        reporter.take(.none)
        #expect(reporter.percent == 0)
        for _ in 0..<20_000 { reporter.count(beginsSomething: false) }
        reporter.take(Self.half)
        #expect(reporter.percent == 1)
    }

    @Test("OVL-15: nobody is asked for more than 90 per cent, or would not hear that it is over")
    mutating func most() {
        for share in [Shedding.whole, Shedding.whole / 100 * 91] {
            reporter.take(Shedding(share: share, isSilent: true))
            #expect(reporter.percent == 90)
        }
        reporter.take(Shedding(share: 1, isSilent: false))
        #expect(reporter.percent == 1)
    }

    @Test("OVL-15: the worker that bears most decides for all, and what it asks ends with it")
    mutating func others() {
        reporter.othersPercent = 75
        #expect(reporter.percent == 75 && reporter.ownPercent == 0)
        reporter.take(Self.half)
        #expect(reporter.percent == 75 && reporter.ownPercent == 50)
        reporter.othersPercent = 0
        #expect(reporter.percent == 50)
    }

    @Test("OVL-08, OVL-15: a client of ours follows what is told, and goes on by itself half a second after the last")
    mutating func understood() {
        var client = OverloadControl()
        func take(_ feedback: OverloadFeedback, _ now: NIODeadline) -> Bool {
            client.take(
                OverloadControl.Feedback(
                    percent: feedback.percent,
                    validity: .milliseconds(Int64(feedback.validity)),
                    sequence: feedback.sequence
                ),
                now: now
            )
        }
        let calm = reporter.feedback(now: now)
        #expect(take(calm, now) && client.percent(at: now) == 0)
        reporter.take(Self.half)
        for _ in 0..<10 {
            wait(400)
            let isNew = take(reporter.feedback(now: now), now)
            #expect(isNew && client.percent(at: now + .milliseconds(499)) == 50)
        }
        // A response from before comes late.
        #expect(!take(calm, now) && client.percent(at: now) == 50)
        #expect(client.percent(at: now + .milliseconds(500)) == 0)
        reporter.take(.none)
        #expect(take(reporter.feedback(now: now), now) && client.percent(at: now) == 0)
    }
}
