// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import SIPMessage
import SIPProxy
import Telemetry
import Testing

@testable import EdgeRuntime

@Suite("Counters of what is dropped")
struct LabelTests {
    @Test("OVL-63: each way to drop a message has a counter of its own")
    func drops() {
        let labels = DropReason.allCases.map { DropLabel($0) }
        #expect(Set(labels).count == labels.count)
        #expect(zip(DropReason.allCases, labels).allSatisfy { $0.rawValue == $1.label })
    }

    @Test("OVL-63: each limit of the core, and each reason to refuse a connection, has one too")
    func limits() {
        let limits = ProxyLimit.allCases.compactMap { LimitLabel($0) }
        #expect(Set(limits).count == limits.count && limits.count >= ProxyLimit.allCases.count - 2)
        // A header that is none, or a name that is not on the list, is no limit.
        let reasons = RefusalLabel.allCases.filter { $0 != .proxyHeader && $0 != .peer }
        let refusals = reasons.map { LimitLabel($0) }
        #expect(Set(refusals).count == refusals.count)
        #expect(zip(reasons, refusals).allSatisfy { $0.label == $1?.label })
    }
}
