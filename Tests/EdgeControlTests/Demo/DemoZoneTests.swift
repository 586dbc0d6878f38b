// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import EdgeControl

@Suite("The demonstration's zone")
struct DemoZoneTests {
    @Test("The standard zone is zones/demo.zone, byte for byte")
    func file() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let text = try String(contentsOf: root.appendingPathComponent("zones/demo.zone"), encoding: .utf8)
        #expect(DemoZone().text == text)
    }

    @Test("Shares follow the weights of the servers that are up")
    func shares() {
        var zone = DemoZone()
        #expect(zone.shares() == ["b1": 0.6, "b2": 0.2, "b3": 0.2])
        #expect(zone.shares(without: ["b1"]) == ["b1": 0, "b2": 0.5, "b3": 0.5])
        zone.servers = []
        #expect(zone.shares() == [:])
    }
}
