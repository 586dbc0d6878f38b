// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import EdgeRuntime

@Suite("When flows to a backend that is gone are closed")
struct FlowUseTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("LOC-55: they are kept while they are used in either direction, and closed after 240 s of rest")
    func rest() {
        var use = FlowUse()
        use.note()
        use.advance(to: start, lastRead: nil)
        #expect(!use.hasRested(at: start + .seconds(239)))
        #expect(use.hasRested(at: start + .seconds(240)))
        use.advance(to: start + .seconds(241), lastRead: start + .seconds(200))
        #expect(!use.hasRested(at: start + .seconds(439)) && use.hasRested(at: start + .seconds(440)))
        use.note()
        #expect(!use.hasRested(at: start + .seconds(900)))
        use.advance(to: start + .seconds(900), lastRead: nil)
        #expect(!use.hasRested(at: start + .seconds(1139)) && use.hasRested(at: start + .seconds(1140)))
    }

    @Test("Flows that were never looked at are not closed")
    func new() {
        #expect(!FlowUse().hasRested(at: start))
    }
}
