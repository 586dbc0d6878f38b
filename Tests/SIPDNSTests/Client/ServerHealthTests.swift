// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import SIPDNS

@Suite("Which server is asked first, in virtual time")
struct ServerHealthTests {
    static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds) }

    @Test("LOC-69: servers are asked in their order, as many rounds as are configured")
    func order() {
        var health = ServerHealth()
        #expect(Array(health.order(count: 3, attempts: 2, now: Self.at(0))) == [0, 1, 2, 0, 1, 2])
        #expect(health.order(count: 0, attempts: 2, now: Self.at(0)).isEmpty)
    }

    @Test("LOC-69: a server that did not answer rests 5 s, then twice as long each time, at most 60 s")
    func rest() {
        var health = ServerHealth()
        var now: Int64 = 0
        for rest in [5, 10, 20, 40, 60, 60, 60] as [Int64] {
            health.note(0, failed: true, now: Self.at(now))
            #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(now + rest - 1))) == [1, 0])
            #expect(health.resting(at: Self.at(now + rest - 1)) == 1)
            now += rest
            #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(now))) == [0, 1])
        }
    }

    @Test("LOC-69: when its rest is over, one question tries it, and the others wait to see how that went")
    func trial() {
        var health = ServerHealth()
        health.note(0, failed: true, now: Self.at(0))
        #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(5))) == [0, 1])
        #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(5))) == [1, 0])
        health.note(0, failed: false, now: Self.at(6))
        #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(6))) == [0, 1])
        health.note(0, failed: true, now: Self.at(7))
        #expect(Array(health.order(count: 2, attempts: 1, now: Self.at(12))) == [0, 1], "5 s again: it had recovered")
    }

    @Test("LOC-69: when all rest, all are asked, the one whose rest ends first before the others")
    func allResting() {
        var health = ServerHealth()
        health.note(0, failed: true, now: Self.at(0))
        health.note(0, failed: true, now: Self.at(0))
        health.note(1, failed: true, now: Self.at(1))
        #expect(Array(health.order(count: 2, attempts: 2, now: Self.at(2))) == [1, 0, 1, 0])
    }
}
