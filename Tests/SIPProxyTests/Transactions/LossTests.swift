// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Many transactions, some of whose messages are lost")
struct LossTests {
    private static let methods = ["INVITE", "OPTIONS", "REGISTER", "MESSAGE", "INVITE"]

    private let bench = Bench(.sample([.sample(2, .udp)], settings: .trusting))
    private let clients: [FlowContext]
    private var dice = SeededGenerator(seed: 45)
    /// What each branch was used for.
    private var branches: [String: String] = [:]
    private var finals = 0

    init() {
        let bench = bench
        clients = (0..<8).map { number in
            let listener = number.isMultiple(of: 2) ? Side.publicTLS : Side.publicUDP
            return bench.client("C\(number)", listener, address: "203.0.113.\(10 + number)", port: 50_000)
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &dice) < percent }

    @Test(
        "TXN-45, MSG-52: 20,000 mixed transactions with random loss leave nothing behind, and no two share a branch"
    )
    mutating func hygiene() {
        for number in 0..<20_000 {
            let client = clients[number % clients.count]
            let method = Self.methods[number % Self.methods.count]
            let text = Wire.request(
                method,
                via: "\(client.transport == .udp ? "UDP" : "TLS") \(client.remoteText.readableString):50000",
                branch: "z9hG4bK\(number)",
                callID: "\(number)",
                number: number + 1
            )
            bench.receive(text, on: client)
            goOn()
            if method == "INVITE", chance(10) {
                bench.receive(Wire.request("CANCEL", branch: "z9hG4bK\(number)", callID: "\(number)"), on: client)
                goOn()
            }
            if number.isMultiple(of: 100) { bench.wait(0.5) }
        }
        #expect(finals > 10_000 && branches.count > 20_000 && bench.core.transactionCount > 1_000)
        // Longer than timer C of a call that rings on, with what follows it.
        let end = bench.elapsed + 400_000
        while bench.elapsed < end, bench.core.transactionCount > 0 {
            bench.wait(1)
            _ = bench.take()
        }
        #expect(bench.core.transactionCount == 0 && bench.core.clientTransactionCount == 0)
        #expect(bench.core.transactionHolders == 0 && bench.core.awaitedAttempts == 0)
        bench.wait(37)
        #expect(bench.isQuiet && bench.core.outstandingLoad == 0 && bench.core.pendingReturns == 0)
    }

    /// Servers and the client answer what has left, or it is lost.
    private mutating func goOn() {
        var sent = bench.take()
        while !sent.isEmpty {
            for message in sent {
                if message.status == 0 { serve(message) } else { acknowledge(message) }
            }
            sent = bench.take()
        }
    }

    private mutating func serve(_ request: Sent) {
        let branch = request.wire.branch
        let isToken = branch.utf8.allSatisfy { (0x30...0x7A).contains($0) || $0 == 0x2E } && branch.utf8.count == 40
        if request.method != "CANCEL", request.method != "ACK" {
            // Copies go to the same server.
            let use = "\(request.wire.value("CSeq") ?? "") \(request.to)"
            if !isToken || branches.updateValue(use, forKey: branch) ?? use != use {
                Issue.record("the branch \(branch)")
            }
        }
        guard request.method != "ACK", !chance(15) else { return }
        if request.method == "INVITE" { bench.answer(180, to: request) }
        if chance(90) { bench.answer(chance(70) ? 200 : 486, to: request) }
    }

    private mutating func acknowledge(_ response: Sent) {
        guard response.status >= 200 else { return }
        finals += 1
        guard response.wire.cseqMethod == "INVITE", !chance(25) else { return }
        let (branch, callID) = (response.wire.firstBranch, response.wire.value("Call-ID") ?? "")
        let client = clients[(Int(callID) ?? 0) % clients.count]
        bench.receive(Wire.request("ACK", branch: branch, callID: callID, toTag: response.wire.toTag), on: client)
    }
}

extension ByteBuffer {
    fileprivate var readableString: String { String(buffer: self) }
}
