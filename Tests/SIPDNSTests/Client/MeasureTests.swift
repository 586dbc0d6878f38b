// SPDX-License-Identifier: Apache-2.0

import SIPDNS
import SIPLocation
import TestSupport
import Testing

@Suite("By what answers are believed")
struct MeasureTests {
    @Test("LOC-70: another mode is another measure, and other anchors are one where they are used")
    func measures() throws {
        let directory = try TemporaryDirectory()
        let anchor = ". IN DS 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n"
        let file = try directory.write(anchor, to: "anchor")
        var settings = DNSClient.Settings(servers: [])
        var others = Set([settings.measure])
        settings.anchors = try TrustAnchors(file: file)
        #expect(others.contains(settings.measure))
        settings.dnssec = .trustAD
        #expect(others.insert(settings.measure).inserted)
        settings.dnssec = .validate
        #expect(others.insert(settings.measure).inserted)
        settings.anchors = TrustAnchors()
        #expect(others.insert(settings.measure).inserted)
    }
}
