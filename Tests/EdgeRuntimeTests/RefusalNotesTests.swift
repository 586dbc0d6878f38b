// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Telemetry
import Testing

@testable import EdgeRuntime

@Suite("Which refusals the log is told of")
struct RefusalNotesTests {
    @Test("The first of each limit, then one in five seconds with how many there were")
    func bounded() {
        var notes = RefusalNotes()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        #expect(notes.note(.rateInvite, now: start) == 1)
        for second in 0..<4 { #expect(notes.note(.rateInvite, now: start + .seconds(Int64(second))) == nil) }
        #expect(notes.note(.transactionsPerSource, now: start + .seconds(1)) == 1)
        #expect(notes.note(.rateInvite, now: start + .seconds(5)) == 5)
        #expect(notes.note(.rateInvite, now: start + .seconds(9)) == nil)
    }

    @Test("A limit goes by its key in the configuration")
    func keys() {
        #expect(LimitLabel.transactionsPerSource.key == "limits.transactions_per_source")
        #expect(LimitLabel.rateInvite.key == "limits.rates.invite")
        #expect(LimitLabel.handshakesPerSource.key == "limits.handshakes_per_source")
    }
}
