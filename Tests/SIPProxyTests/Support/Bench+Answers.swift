// SPDX-License-Identifier: Apache-2.0

internal import SIPProxy
internal import Testing

/// What a bench finds wrong with what leaves it, in whatever test.
enum BenchProblem {
    static func report(_ text: String) { Issue.record("\(text)") }
}

extension Bench {
    /// Feeds a response to a request that left.
    func answer(_ status: Int, to request: Sent, tag: String = "b", extra: [String] = []) {
        guard let flow = flow(of: request) else {
            Issue.record("no flow for \(request.to)")
            return
        }
        receive(request.wire.answer(status, tag: tag, extra: extra), on: flow)
    }
}
