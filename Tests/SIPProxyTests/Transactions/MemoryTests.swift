// SPDX-License-Identifier: Apache-2.0

import Foundation
import SIPMessage
import Testing

@testable import SIPProxy

@Suite("Memory of transactions")
struct MemoryTests {
    /// A process of its own, because all tests of one share the memory that is measured.
    @Test("OVL-37: a pending INVITE costs no more than 4 KiB and its message, and its body is held by UDP at most")
    func pending() async {
        await #expect(processExitsWith: .success) {
            for transport in [SIPTransport.tcp, .udp] {
                let (each, size) = Ringing.cost(of: 4000, transport)
                print("OVL-37:", transport, "a pending INVITE of", size, "B costs", each, "B")
                #expect(each > 1000, "it was measured")
                #expect(each <= 4096 + size)
            }
        }
    }
}

/// Calls that ring for ever.
private enum Ringing {
    static let body = String(repeating: "a", count: 1200)

    /// The bytes of memory that each of `count` calls holds, and the bytes of its INVITE.
    static func cost(of count: Int, _ transport: SIPTransport) -> (each: Int, size: Int) {
        let bench = Bench(2, transport)
        let client = bench.client()
        var size = ring(bench, client, 0)
        let before = held()
        for number in 1...count { size = max(size, ring(bench, client, number)) }
        return ((held() - before) / count, size)
    }

    private static func ring(_ bench: Bench, _ client: FlowContext, _ number: Int) -> Int {
        let text = Wire.request(
            "INVITE",
            branch: "z9hG4bK\(number)",
            callID: "call-\(number)",
            extra: ["Content-Type: application/sdp"],
            body: body
        )
        bench.receive(text, on: client)
        for request in bench.take() where request.wire.method == "INVITE" { bench.answer(180, to: request) }
        _ = (bench.take(), bench.takeEvents())
        return text.utf8.count
    }

    /// The bytes that are resident of this process, in pages of 4 KiB.
    private static func held() -> Int {
        let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
        return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
    }
}
