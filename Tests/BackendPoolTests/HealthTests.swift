// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Health of a backend, in virtual time")
struct HealthTests {
    private var health = BackendHealth(id: .sample(1))
    private var policy = HealthPolicy()
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let good = BackendOutcome.answered(status: 200)

    private var state: BackendState { health.state(policy: policy, now: now) }
    private var isUsable: Bool { health.isUsable(policy: policy, now: now) }

    @discardableResult
    private mutating func probe(_ outcome: BackendOutcome) -> HealthChange? {
        health.observe(probe: outcome, policy: policy, now: now)
    }

    @discardableResult
    private mutating func traffic(_ outcomes: BackendOutcome..., mayEject: Bool = true) -> HealthChange? {
        var last: HealthChange?
        for outcome in outcomes {
            let summary = TrafficSummary(outcome)
            last = health.observe(traffic: summary, policy: policy, mayEject: mayEject, now: now) ?? last
        }
        return last
    }

    @Test("LOC-55: a new backend waits for its first probe, and one good probe is enough")
    mutating func firstProbe() {
        #expect(state == .unknown && !isUsable)
        let change = probe(good)
        #expect(change?.from == .unknown && change?.to == .up && isUsable)
        policy.probeBeforeUse = false
        health = BackendHealth(id: .sample(1))
        #expect(state == .unknown && isUsable)
        policy.isProbing = false
        policy.probeBeforeUse = true
        #expect(isUsable)
    }

    @Test("A new backend whose first probe fails is down with the cause in words")
    mutating func firstProbeFails() {
        let change = probe(.failed(.timeout))
        #expect(change?.to == .down && change?.reason == "probe: no answer in time")
    }

    @Test("fall 2, rise 1: one soft failure changes nothing, two take it down, one good probe brings it up")
    mutating func fallAndRise() {
        probe(good)
        #expect(probe(.failed(.timeout)) == nil && isUsable)
        #expect(probe(.failed(.tls))?.reason == "probe: TLS handshake failed")
        var other = BackendHealth(id: .sample(2))
        let change = other.observe(probe: .failed(.tls), detail: "it has expired", policy: policy, now: now)
        #expect(change?.reason == "probe: TLS handshake failed: it has expired")
        #expect(state == .down && !isUsable)
        #expect(probe(good)?.to == .up)
        policy.rise = 3
        probe(.failed(.refused))
        #expect(probe(good) == nil && probe(good) == nil)
        probe(.failed(.timeout))
        #expect(probe(good) == nil && probe(good) == nil)
        #expect(probe(good)?.to == .up)
    }

    @Test("A good probe between two failures starts the count anew")
    mutating func interruptedFall() {
        probe(good)
        for _ in 0..<5 {
            #expect(probe(.failed(.timeout)) == nil)
            #expect(probe(good) == nil)
        }
        #expect(state == .up)
    }

    @Test(
        "OVL-26: any final response but 503 proves a live server",
        arguments: [200, 302, 404, 405, 481, 483, 501, 603]
    )
    mutating func answers(status: UInt16) {
        probe(.answered(status: status))
        #expect(state == .up)
    }

    @Test("OVL-26: 503 to a probe is a failure; a provisional response is none that counts; a list can be given")
    mutating func unacceptable() {
        #expect(!policy.accepts(503) && !policy.accepts(100) && policy.accepts(404))
        policy.acceptedStatuses = [200, 404]
        #expect(policy.accepts(404) && !policy.accepts(405))
        #expect(probe(.answered(status: 405))?.reason == "OPTIONS answered with 405")
        #expect(state == .down)
    }

    @Test(
        "OVL-26: an OPTIONS that is answered 503 with Retry-After holds new requests back at once, for as long as that says"
    )
    mutating func probeAsksForRest() {
        probe(good)
        #expect(probe(.answered(status: 503, retryAfter: .seconds(20)))?.to == .held)
        #expect(!isUsable)
        now = now + .seconds(19)
        #expect(state == .held)
        now = now + .seconds(2)
        #expect(state == .up && isUsable)
        #expect(probe(.answered(status: 503))?.to == .down, "the second in a row")
        #expect(probe(good)?.to == .up)
    }

    @Test("OVL-26: a connection that is refused is down at once")
    mutating func refusedProbe() {
        probe(good)
        #expect(probe(.failed(.refused))?.to == .down)
    }

    @Test("OVL-27: by default two failures are down and one success is up; with 3 and 2, as many as these say")
    mutating func counts() {
        probe(good)
        #expect(probe(.failed(.timeout)) == nil && probe(.failed(.timeout))?.to == .down && probe(good)?.to == .up)
        (policy.fall, policy.rise) = (3, 2)
        #expect(probe(.failed(.timeout)) == nil && probe(.failed(.timeout)) == nil)
        #expect(probe(.failed(.timeout))?.to == .down)
        #expect(probe(good) == nil && probe(good)?.to == .up)
    }

    @Test("OVL-28: refused by live traffic is down before the next probe; an answer to live traffic resets the count")
    mutating func passiveSignals() {
        probe(good)
        probe(.failed(.timeout))
        traffic(good)
        #expect(probe(.failed(.timeout)) == nil)
        let change = traffic(.failed(.refused))
        #expect(change?.to == .down && change?.reason == "live traffic: connection refused")
        #expect(traffic(good)?.to == .up)
        #expect(traffic(.failed(.identity))?.reason == "live traffic: certificate is for another name")
        #expect(
            BackendFailure.unmatched.isHard && BackendFailure.unmatched.words == "certificate matches no TLSA record"
        )
    }

    @Test("OVL-34: 503 to OPTIONS and success inside dialogs is no new traffic, not an up again")
    mutating func refusesNewDialogs() {
        probe(good)
        probe(.answered(status: 503))
        traffic(good)
        #expect(probe(.answered(status: 503))?.to == .down)
        #expect(traffic(good) == nil && state == .down)
        #expect(probe(good)?.to == .up)
    }

    @Test("LOC-50: three failed requests in a row eject for 5 s, doubling to 60 s while each trial fails")
    mutating func ejection() {
        policy.isProbing = false
        traffic(good)
        #expect(traffic(.failed(.timeout), .failed(.timeout)) == nil)
        traffic(good)
        #expect(traffic(.failed(.timeout), .failed(.timeout)) == nil)
        let change = traffic(.failed(.closed))
        #expect(change?.to == .ejected)
        #expect(
            change?.reason == "3 requests in a row failed: connection closed before an answer; left alone for 5 s"
        )
        for seconds in [5, 10, 20, 40, 60, 60] as [Int64] {
            now = now + .seconds(seconds) - .nanoseconds(1)
            #expect(state == .ejected && !isUsable)
            now = now + .nanoseconds(1)
            #expect(state == .unknown && isUsable)
            #expect(health.rampPercent(policy: policy, now: now) == 10)
            #expect(traffic(.failed(.timeout))?.to == .ejected)
        }
        now = now + .seconds(60)
        #expect(traffic(good)?.to == .up)
    }

    @Test(
        "OVL-14: a mute backend is left alone but for trials at growing gaps, until one normal response lets all resume"
    )
    mutating func selfLimiting() {
        policy.isProbing = false
        traffic(good)
        let start = now
        var sent: [Int64] = []
        // A request comes every 100 ms for five minutes, and nothing is answered.
        for number in 0..<3_000 {
            now = start + .milliseconds(Int64(number) * 100)
            guard isUsable else { continue }
            sent.append((now - start).nanoseconds / 1_000_000_000)
            traffic(.failed(.timeout))
        }
        #expect(sent == [0, 0, 0, 5, 15, 35, 75, 135, 195, 255])
        now = start + .seconds(316)
        #expect(isUsable && traffic(good)?.to == .up)
        for _ in 0..<100 {
            now = now + .milliseconds(100)
            #expect(isUsable)
            traffic(good)
        }
    }

    @Test("LOC-50: after a good trial the next ejection is longer still, until it has been well for a minute")
    mutating func ejectionMemory() {
        policy.isProbing = false
        traffic(good, .failed(.timeout), .failed(.timeout), .failed(.timeout))
        now = now + .seconds(5)
        traffic(good)
        now = now + .seconds(59)
        traffic(.failed(.timeout), .failed(.timeout), .failed(.timeout))
        #expect(health.circuit.openUntil == now + .seconds(10))
        now = now + .seconds(10)
        traffic(good)
        now = now + .seconds(60)
        traffic(.failed(.timeout), .failed(.timeout), .failed(.timeout))
        #expect(health.circuit.openUntil == now + .seconds(5))
    }

    @Test("LOC-50: more than half of at least 20 requests in 10 s failed: ejected, at exactly half not")
    mutating func failureShare() {
        probe(good)
        for _ in 0..<10 { #expect(traffic(good, .failed(.timeout)) == nil) }
        let change = traffic(.failed(.timeout))
        #expect(change?.to == .ejected && change?.reason.hasPrefix("52 % of 21 requests in 10 s failed") == true)
    }

    @Test("LOC-50: what is older than 10 s counts neither for nor against a backend")
    mutating func failureWindow() {
        probe(good)
        for _ in 0..<30 { #expect(traffic(good, .failed(.timeout)) == nil) }
        traffic(good)
        now = now + .seconds(10)
        #expect(traffic(.failed(.timeout), .failed(.timeout)) == nil)
        for _ in 0..<5 { #expect(traffic(good, .failed(.timeout), .failed(.timeout)) == nil) }
        #expect(traffic(good, good) == nil)
        #expect(traffic(.failed(.timeout))?.reason.hasPrefix("65 % of 20 requests in 10 s failed") == true)
    }

    @Test("With probes, an ejected backend comes back by a good probe after its time, and never before")
    mutating func halfOpenByProbe() {
        probe(good)
        traffic(.failed(.timeout), .failed(.timeout), .failed(.timeout))
        now = now + .seconds(4)
        #expect(probe(good) == nil && state == .ejected)
        now = now + .seconds(1)
        #expect(state == .ejected && !isUsable)
        probe(.failed(.timeout))
        #expect(health.circuit.openUntil == now + .seconds(10))
        now = now + .seconds(10)
        #expect(probe(good)?.to == .up)
        #expect(health.rampPercent(policy: policy, now: now) == 10)
    }

    @Test("A pool that cannot spare it keeps a failing backend")
    mutating func spared() {
        probe(good)
        traffic(.failed(.timeout), .failed(.timeout), .failed(.timeout), .failed(.timeout), mayEject: false)
        #expect(state == .up)
        #expect(traffic(.failed(.timeout))?.to == .ejected)
    }

    @Test("LOC-49, V-OVL-04: 503 with Retry-After holds for that time, at most 300 s; without it nothing is held")
    mutating func retryAfter() {
        probe(good)
        #expect(traffic(.answered(status: 503), .answered(status: 503), .answered(status: 503)) == nil)
        #expect(traffic(.answered(status: 503, retryAfter: .seconds(10)))?.to == .held)
        now = now + .seconds(5)
        traffic(.answered(status: 503, retryAfter: .seconds(1)))
        now = now + .seconds(5) - .nanoseconds(1)
        #expect(state == .held && !isUsable)
        now = now + .nanoseconds(1)
        #expect(state == .up && isUsable)
        traffic(.answered(status: 503, retryAfter: .seconds(86400)))
        #expect(health.holdUntil == now + .seconds(300))
        #expect(traffic(.answered(status: 503, retryAfter: .zero)) == nil)
    }

    @Test("LOC-54: health is ignored in a panic, but not a Retry-After younger than 2 s, nor the operator")
    mutating func panic() {
        probe(.failed(.refused))
        #expect(health.isUsableInPanic(policy: policy, now: now))
        traffic(.answered(status: 503, retryAfter: .seconds(30)))
        now = now + .seconds(2) - .nanoseconds(1)
        #expect(!health.isUsableInPanic(policy: policy, now: now))
        #expect(health.nextChange(policy: policy, after: now) == now + .nanoseconds(1))
        now = now + .nanoseconds(1)
        #expect(health.isUsableInPanic(policy: policy, now: now))
        _ = health.setAdministrative(.draining, policy: policy, now: now)
        #expect(!health.isUsableInPanic(policy: policy, now: now))
    }

    @Test("The operator's word stands above the verdict, which goes on being kept")
    mutating func administrative() {
        probe(good)
        #expect(health.setAdministrative(.draining, policy: policy, now: now)?.to == .draining)
        #expect(!isUsable && probe(.failed(.refused)) == nil)
        #expect(health.setAdministrative(.disabled, policy: policy, now: now)?.reason == "disabled by the operator")
        #expect(health.setAdministrative(.disabled, policy: policy, now: now) == nil)
        #expect(health.setAdministrative(.enabled, policy: policy, now: now)?.to == .down)
    }

    @Test("LOC-55: slow start climbs from 10 to 100 % in nine steps over 30 s; 0 turns it off")
    mutating func slowStart() {
        probe(.failed(.refused))
        probe(good)
        let start = now
        var seen: [UInt8] = [health.rampPercent(policy: policy, now: now)]
        while let next = health.nextChange(policy: policy, after: now) {
            #expect(next > now)
            now = next
            seen.append(health.rampPercent(policy: policy, now: now))
        }
        #expect(seen == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
        #expect(now == start + .seconds(30))
        policy.slowStart = .zero
        #expect(health.rampPercent(policy: policy, now: start) == 100)
    }

    @Test("OVL-27: a new backend is probed at once, a good one each 5 s ± 20 %, a failing one at growing gaps to 30 s")
    mutating func probeSchedule() {
        var generator = SeededGenerator(seed: 4)
        #expect(health.probeDelay(policy: policy, now: now, using: &generator) == .zero)
        probe(good)
        let delays = (0..<1000).map { _ in health.probeDelay(policy: policy, now: now, using: &generator) }
        #expect(delays.allSatisfy { .seconds(4) <= $0 && $0 <= .seconds(6) })
        #expect((delays.min() ?? .zero) < .milliseconds(4100) && (delays.max() ?? .zero) > .milliseconds(5900))
        policy.jitter = 0
        var gaps: [Int64] = []
        for _ in 0..<8 {
            probe(.failed(.timeout))
            gaps.append(health.probeDelay(policy: policy, now: now, using: &generator).nanoseconds / 1_000_000_000)
        }
        #expect(gaps == [1, 2, 4, 8, 16, 30, 30, 30])
        probe(good)
        traffic(.failed(.timeout), .failed(.timeout), .failed(.timeout))
        #expect(health.probeDelay(policy: policy, now: now, using: &generator) == .seconds(5))
    }

    @Test("A summary of many requests acts as they would one by one")
    mutating func summaries() {
        var summary = TrafficSummary()
        #expect(summary.isEmpty)
        summary.record(.failed(.refused))
        summary.record(good)
        summary.record(.failed(.timeout))
        summary.record(.failed(.timeout))
        summary.record(.answered(status: 503, retryAfter: .seconds(4)))
        summary.record(.answered(status: 503, retryAfter: .seconds(3)))
        #expect(summary.answered == 1 && summary.failed == 3 && summary.trailingFailures == 2)
        #expect(summary.retryAfter == .seconds(4) && !summary.isEmpty)
        probe(good)
        #expect(health.observe(traffic: summary, policy: policy, mayEject: true, now: now)?.to == .held)
        now = now + .seconds(4)
        #expect(traffic(.failed(.timeout))?.to == .ejected)
    }
}
