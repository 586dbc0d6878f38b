// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("How many requests are remembered")
struct RequestMemoryTests {
    /// A bench that remembers so many requests of a kind.
    private func bench(_ limit: Int, backends: UInt32 = 1) -> Bench {
        Bench(Self.snapshot(limit, backends: backends))
    }

    private static func snapshot(_ limit: Int, generation: UInt64 = 1, backends: UInt32 = 1) -> ProxySnapshot {
        var settings = ProxySettings()
        settings.rememberedRequests = limit
        var snapshot = ProxySnapshot.sample([.sample(backends)], settings: settings)
        snapshot.generation = generation
        return snapshot
    }

    /// Sends a request and answers it, a second later than the one before.
    private func run(_ bench: Bench, _ method: String, _ callID: String, on client: FlowContext) {
        bench.wait(1, step: .seconds(1))
        bench.receive(Wire.request(method, branch: "z9hG4bK\(callID)", callID: callID), on: client)
        guard let sent = bench.take().last(where: { $0.method == method }) else { return }
        bench.answer(486, to: sent)
    }

    private func isKnown(_ bench: Bench, _ callID: String) -> Bool {
        !bench.core.explain(callID: ByteBuffer(string: callID)).isEmpty
    }

    @Test("limits.remembered_requests: the oldest are forgotten and counted; other requests push out no INVITE")
    func rings() {
        let bench = bench(3)
        let client = bench.client()
        for number in 1...4 { run(bench, "INVITE", "i\(number)", on: client) }
        #expect((1...4).map { isKnown(bench, "i\($0)") } == [false, true, true, true])
        #expect(bench.core.memoryReach.invitesSince == Bench.beginning + .seconds(1))
        #expect(bench.core.memoryReach.othersSince == nil && bench.core.memoryReach.forgotten == 1)
        for number in 1...9 { run(bench, "OPTIONS", "o\(number)", on: client) }
        #expect((1...9).filter { isKnown(bench, "o\($0)") } == [7, 8, 9])
        #expect((2...4).allSatisfy { isKnown(bench, "i\($0)") })
        #expect(bench.core.memoryReach.count == 6 && bench.core.memoryReach.forgotten == 7)
        // A request that runs is known whatever the limit.
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKrunning", callID: "running"), on: client)
        #expect(isKnown(bench, "running") && bench.core.memoryReach.count == 6)
    }

    @Test("A reload that lowers the limit forgets at once; with 0 nothing is remembered")
    func reload() {
        let bench = bench(3)
        let client = bench.client()
        for number in 1...3 { run(bench, "OPTIONS", "o\(number)", on: client) }
        bench.core.adopt(Self.snapshot(1, generation: 2), now: bench.now)
        #expect((1...3).filter { isKnown(bench, "o\($0)") } == [3])
        bench.core.adopt(Self.snapshot(0, generation: 3), now: bench.now)
        run(bench, "OPTIONS", "o4", on: client)
        #expect(bench.core.memoryReach.count == 0 && !isKnown(bench, "o4") && !isKnown(bench, "o3"))
    }

    @Test("After a time without memory it says that it reaches back to the end of that time, and no further")
    func offAndOn() {
        let bench = bench(0)
        let client = bench.client()
        run(bench, "OPTIONS", "lost", on: client)
        #expect(bench.core.memoryReach == RequestMemoryReach())
        bench.core.adopt(Self.snapshot(3, generation: 2), now: bench.now)
        let turn = bench.now
        run(bench, "INVITE", "kept", on: client)
        let reach = bench.core.memoryReach
        #expect(reach == RequestMemoryReach(count: 1, forgotten: 0, invitesSince: turn, othersSince: turn))
        #expect(isKnown(bench, "kept") && !isKnown(bench, "lost"))
    }

    @Test("A remembered request takes at most 288 bytes, and keeps no byte of its message")
    func size() {
        #expect(MemoryLayout<RequestRecord>.stride <= 288, "\(MemoryLayout<RequestRecord>.stride)")
    }

    @Test("A request is explained by the pool as it was, until too many backends of old snapshots would be kept")
    func views() {
        let bench = bench(100, backends: 3)
        let client = bench.client()
        run(bench, "OPTIONS", "old", on: client)
        func view() -> PoolView? { bench.core.explain(callID: ByteBuffer(string: "old")).first?.view }
        bench.core.adopt(Self.snapshot(100, generation: 2, backends: 1), now: bench.now)
        #expect(view()?.backends.count == 3)
        // 24 views of 2,000 backends are kept beside it, the 25th is too many.
        let large = Self.snapshot(100, backends: 2000)
        for generation in 3...26 as ClosedRange<UInt64> {
            var snapshot = large
            snapshot.generation = generation
            bench.core.adopt(snapshot, now: bench.now)
        }
        #expect(view()?.backends.count == 3 && bench.core.memoryReach.forgottenSnapshots == 0)
        var snapshot = large
        snapshot.generation = 27
        bench.core.adopt(snapshot, now: bench.now)
        #expect(view() == nil && isKnown(bench, "old") && bench.core.memoryReach.forgottenSnapshots > 0)
    }
}
