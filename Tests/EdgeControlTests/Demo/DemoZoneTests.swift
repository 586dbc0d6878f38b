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
        let wanted: (first: Double, second: Double) = ((60.0 + 1.0 / 3.0) / 101.0, (20.0 + 1.0 / 3.0) / 101.0)
        let (first, second) = (try #require(all["b1"]), try #require(all["b2"]))
        #expect(abs(first - wanted.first) < 1e-12)
        #expect(abs(second - wanted.second) < 1e-12)
        #expect(all["b2"] == all["b3"])
        #expect(zone.shares(without: ["b1"]) == ["b1": 0, "b2": 0.5, "b3": 0.5])
        #expect(zone.shares(without: ["b1", "b2", "b3"]) == ["b1": 0, "b2": 0, "b3": 0])
        zone.servers[1].weight = 0
        // A single weight of zero has 1 of (S + 1).
        let least = try #require(zone.shares()["b2"])
        let lowest: Double = 1.0 / 81.0
        #expect(abs(least - lowest) < 1e-12)
        zone.servers = []
        #expect(zone.shares() == [:])
    }
}
