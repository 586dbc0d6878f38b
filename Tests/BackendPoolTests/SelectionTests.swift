// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Selection of a backend")
struct SelectionTests {
    @Test("V-SRV-07, LOC-52: the lowest priority with a usable backend serves, and a recovered one takes over at once")
    func tiers() {
        let all = PoolView.sample([("a", 10, 1), ("b", 10, 1), ("c", 20, 5)])
        #expect(all.drawnCounts(1000)["c"] == nil)
        #expect(all.marking(down: ["a"]).drawnCounts(1000) == ["b": 1000])
        #expect(all.marking(down: ["a", "b"]).drawnCounts(1000) == ["c": 1000])
        #expect(all.marking(down: ["a"]).drawnCounts(1000)["c"] == nil)
    }
}
