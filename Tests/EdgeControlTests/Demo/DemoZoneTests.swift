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

    @Test("LOC-31: shares are those of the draw among the servers that are up, which are not quite their weights")
    func shares() throws {
        var zone = DemoZone()
        let all = zone.shares()
        // With the shuffle of the draw each of n has (w + 1/n) of (S + 1).
        #expect(abs(try #require(all["b1"]) - (60 + 1.0 / 3) / 101) < 1e-12)
        #expect(abs(try #require(all["b2"]) - (20 + 1.0 / 3) / 101) < 1e-12)
        #expect(all["b2"] == all["b3"])
        #expect(zone.shares(without: ["b1"]) == ["b1": 0, "b2": 0.5, "b3": 0.5])
        #expect(zone.shares(without: ["b1", "b2", "b3"]) == ["b1": 0, "b2": 0, "b3": 0])
        zone.servers[1].weight = 0
        #expect(abs(try #require(zone.shares()["b2"]) - 1.0 / 81) < 1e-12)
        zone.servers = []
        #expect(zone.shares() == [:])
    }
}
