// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import Testing

@Suite("Staggered attempts to connect")
struct ConnectRaceTests {
    private static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func at(_ milliseconds: Int64) -> NIODeadline { Self.beginning + .milliseconds(milliseconds) }

    @Test("V-HE-01, LOC-43: families take turns, that of the first address begins")
    func order() {
        // a::1, a::2, .11, .12 become a::1, .11, a::2, .12.
        #expect(ConnectRace.order(isIPv6: [true, true, false, false]) == [0, 2, 1, 3])
        #expect(ConnectRace.order(isIPv6: [false, true, true]) == [0, 1, 2])
        #expect(ConnectRace.order(isIPv6: [false, false]) == [0, 1] && ConnectRace.order(isIPv6: []) == [])
    }

    @Test("V-HE-01: attempts start at 0, 250, 500 and 750 ms while none comes up or fails")
    func times() {
        var race = ConnectRace(4)
        #expect(race.start(now: at(0)) == [.open(0)])
        var started = [0: Int64(0)]
        for time in stride(from: Int64(1), through: 2000, by: 1) {
            for case .open(let place) in race.advance(to: at(time)) { started[place] = time }
        }
        #expect(started == [0: 0, 1: 250, 2: 500, 3: 750] && race.nextStart == nil)
    }

    @Test("V-HE-01: with IPv6 black-holed the first IPv4 address, up at 270 ms, wins, and the other is given up")
    func winner() {
        var race = ConnectRace(4)
        _ = race.start(now: at(0))
        #expect(race.nextStart == at(250))
        #expect(race.advance(to: at(249)) == [] && race.advance(to: at(250)) == [.open(1)])
        #expect(race.connected(1) == [.won(1), .cancel(0)])
        #expect(race.nextStart == nil && race.advance(to: at(5000)) == [])
        #expect(race.connected(0) == [] && race.failed(0, now: at(5000)) == [])
    }

    @Test("RFC 8305 section 5: after a failure the next attempt waits no longer")
    func failure() {
        var race = ConnectRace(3)
        _ = race.start(now: at(0))
        #expect(race.failed(0, now: at(20)) == [.open(1)] && race.nextStart == at(270))
        #expect(race.advance(to: at(270)) == [.open(2)] && race.failed(1, now: at(300)) == [])
        #expect(race.failed(2, now: at(310)) == [.lost] && race.connected(2) == [])
    }

    @Test(
        "LOC-43: the delay stays between 100 ms and 2 s",
        arguments: [(1, 100), (100, 100), (300, 300), (9000, 2000)]
    )
    func bounds(wanted: Int64, used: Int64) {
        var race = ConnectRace(2, delay: .milliseconds(wanted))
        _ = race.start(now: at(0))
        #expect(race.nextStart == at(used))
    }

    @Test("One address is no race: it wins or all is lost")
    func alone() {
        var race = ConnectRace(1)
        #expect(race.start(now: at(0)) == [.open(0)] && race.nextStart == nil)
        #expect(race.failed(0, now: at(1)) == [.lost])
    }
}
