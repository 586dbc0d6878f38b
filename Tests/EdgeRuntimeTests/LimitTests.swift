// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPMessage
import Testing

@Suite("Limits and waits")
struct LimitTests {
    @Test("TRN-50: waits after refused connections double from 100 ms to 5 s, a fifth at most taken off")
    func backoff() {
        var generator = SystemRandomNumberGenerator()
        var backoff = ConnectBackoff()
        var now = NIODeadline.uptimeNanoseconds(0)
        #expect(backoff.allows(now: now))
        for full in [100, 200, 400, 800, 1600, 3200, 5000, 5000] as [Int64] {
            backoff.failed(now: now, using: &generator)
            #expect(!backoff.allows(now: now + .milliseconds(full * 8 / 10 - 1)))
            now = now + .milliseconds(full)
            #expect(backoff.allows(now: now))
        }
        backoff.succeeded()
        backoff.failed(now: now, using: &generator)
        #expect(backoff.allows(now: now + .milliseconds(100)))
    }

    @Test("Connections are counted in all and by source, and given back")
    func limiter() {
        let limiter = ConnectionLimiter()
        let (one, two) = (IPAddress.v4(1), IPAddress.v4(2))
        #expect(limiter.admit(one, total: 3, perSource: 2) == nil)
        #expect(limiter.admit(one, total: 3, perSource: 2) == nil)
        #expect(limiter.admit(one, total: 3, perSource: 2) == .perSource)
        #expect(limiter.admit(two, total: 3, perSource: 2) == nil)
        #expect(limiter.admit(two, total: 3, perSource: 2) == .total)
        #expect(limiter.total == 3)
        limiter.release(one)
        #expect(limiter.total == 2 && limiter.admit(two, total: 3, perSource: 2) == nil)
    }
}
