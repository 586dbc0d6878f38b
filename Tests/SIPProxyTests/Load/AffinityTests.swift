// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What keeps requests together at one backend (LOC-56)")
struct AffinityTests {
    /// What of a request may differ from that of another.
    private enum Aspect: CaseIterable {
        case callID, from, to, source, flow
    }

    /// A bench whose pool has four backends of one weight and priority.
    private final class Edge {
        private let bench: Bench
        private let fixed: FlowContext
        private var serial = 0

        init(_ policy: AffinityPolicy, seed: UInt64 = 1) {
            let id = PoolID(index: 0)
            let backends = (1...4).map { last in
                BackendView(
                    id: BackendID(pool: id, endpoint: .backend(last)),
                    name: "b\(last)",
                    weight: 1
                )
            }
            let settings = PoolSettings(name: "p", affinity: policy)
            bench = Bench(.sample([PoolView(id: id, settings: settings, backends: backends)]), seed: seed)
            fixed = bench.client("F")
        }

        /// Where 40 requests go that differ in `aspects` alone; their branches and From tags always do.
        func homes(varying aspects: [Aspect]) -> [String] {
            (0..<40).map { number in
                serial += 1
                var text = Wire.request(
                    "OPTIONS",
                    branch: "z9hG4bK\(serial)",
                    callID: aspects.contains(.callID) ? "call-\(number)" : "call"
                )
                text = text.replacing(";tag=a", with: ";tag=a\(serial)")
                if aspects.contains(.from) { text = text.replacing("sip:alice@", with: "sip:alice\(number)@") }
                if aspects.contains(.to) { text = text.replacing("To: <sip:bob@", with: "To: <sip:bob\(number)@") }
                _ = bench.take()
                bench.receive(text, on: flow(aspects, number))
                return bench.sent.first { $0.method == "OPTIONS" }?.to ?? "nowhere"
            }
        }

        /// Another address comes on another connection, and not the other way round.
        private func flow(_ aspects: [Aspect], _ number: Int) -> FlowContext {
            if aspects.contains(.source) { return bench.client(address: "203.0.113.\(number + 1)") }
            return aspects.contains(.flow) ? bench.client(port: UInt16(40_000 + number)) : fixed
        }
    }

    private static let all: Set = ["B1", "B2", "B3", "B4"]

    @Test("LOC-56: without affinity equal requests are drawn afresh and meet every backend")
    func none() {
        #expect(Set(Edge(.none).homes(varying: [])) == Self.all)
        #expect(Set(Edge(.none).homes(varying: Aspect.allCases)) == Self.all)
    }

    @Test(
        "LOC-56: requests that share what affinity is kept by meet one backend, whatever else differs; others spread",
        arguments: [
            (.callID, .callID, [.from, .to, .source, .flow]), (.from, .from, [.callID, .to, .source, .flow]),
            (.to, .to, [.callID, .from, .source, .flow]), (.source, .source, [.callID, .from, .to, .flow]),
            (.flow, .flow, [.callID, .from, .to]),
        ] as [(AffinityPolicy, Aspect, [Aspect])]
    )
    private func kept(policy: AffinityPolicy, aspect: Aspect, others: [Aspect]) {
        let edge = Edge(policy)
        #expect(Set(edge.homes(varying: [])).count == 1)
        #expect(Set(edge.homes(varying: others)).count == 1)
        #expect(Set(edge.homes(varying: [aspect])) == Self.all)
    }

    @Test(
        "LOC-56: two edges send the same request to the same backend",
        arguments: [.callID, .from, .to, .source] as [AffinityPolicy]
    )
    func fleet(policy: AffinityPolicy) {
        let aspects: [Aspect] = [.callID, .from, .to, .source]
        #expect(Edge(policy).homes(varying: aspects) == Edge(policy, seed: 99).homes(varying: aspects))
    }
}
