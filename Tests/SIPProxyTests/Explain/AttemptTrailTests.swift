// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import SIPMessage
import Testing

@testable import SIPProxy

@Suite("The attempts of one request, as they are noted")
struct AttemptTrailTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func target(_ number: Int) -> BackendTarget {
        BackendTarget(endpoint: .backend(UInt32(number % 200 + 1)), pool: PoolID(index: 0))
    }

    @Test("As many as the limit are noted, each with its own end, in whatever order they end")
    func full() {
        var trail = AttemptTrail()
        let places = (0..<AttemptTrail.limit).map { trail.begin(Self.target($0), now: Self.start) }
        for (number, place) in places.enumerated().reversed() {
            trail.end(place, .answered(UInt16(400 + number)), now: Self.start + .seconds(1))
        }
        #expect(trail.notes.count == AttemptTrail.limit && trail.omitted == 0)
        #expect(trail.notes.map(\.target) == (0..<AttemptTrail.limit).map { Self.target($0) })
        #expect(trail.notes.map(\.outcome) == (0..<AttemptTrail.limit).map { .answered(UInt16(400 + $0)) })
    }

    @Test("Attempts beyond the limit are counted, and neither where they go nor how they end is told of another one")
    func beyond() {
        var trail = AttemptTrail()
        for number in 0..<AttemptTrail.limit { _ = trail.begin(Self.target(number), now: Self.start) }
        let before = trail.notes
        for number in 1...300 {
            let place = trail.begin(Self.target(number), now: Self.start)
            #expect(trail.redirect(to: Self.target(number + 1)) == place)
            trail.end(place, .failed(.refused, status: 0), now: Self.start + .seconds(1))
        }
        #expect(trail.notes == before && trail.omitted == 300)
        trail.end(AttemptTrail.limit - 1, .answered(200), now: Self.start + .seconds(2))
        #expect(trail.notes.last?.outcome == .answered(200))
    }

    @Test("The longest way that a request can go is told whole: 15 candidates, each sent to three times")
    func longest() {
        #expect(AttemptTrail.limit >= (10 + Int(ProxyCore.extraTries)) * 3 + 1)
    }
}
