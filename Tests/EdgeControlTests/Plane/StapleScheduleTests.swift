// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import EdgeControl

@Suite("When authorities are asked for what is stapled")
struct StapleScheduleTests {
    @Test("At the start all are asked; then each at half of what its answer counts, within bounds")
    func rests() {
        var schedule = StapleSchedule()
        #expect(schedule.due(["a", "b"], now: 0) == ["a", "b"])
        let rows: [(life: Int64, rest: Int64)] = [(3600, 1800), (60, 300), (-5, 300), (7 * 86_400, 12 * 3600)]
        for (life, rest) in rows {
            schedule.succeeded("a", endsAt: 1000 + life, now: 1000)
            #expect(schedule.due(["a"], now: 1000 + rest - 1).isEmpty)
            #expect(schedule.due(["a"], now: 1000 + rest) == ["a"])
        }
    }

    @Test("After failures it waits longer each time, up to an hour; a good answer ends that")
    func pauses() {
        var schedule = StapleSchedule()
        for pause: Int64 in [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
            schedule.failed("a", now: 1000)
            #expect(schedule.due(["a"], now: 1000 + pause - 1).isEmpty)
            #expect(schedule.due(["a"], now: 1000 + pause) == ["a"])
        }
        schedule.succeeded("a", endsAt: 2000, now: 1000)
        schedule.failed("a", now: 1000)
        #expect(schedule.due(["a"], now: 1060) == ["a"])
    }

    @Test("What is not configured any more is forgotten")
    func forgets() {
        var schedule = StapleSchedule()
        schedule.succeeded("a", endsAt: 9000, now: 0)
        #expect(schedule.due(["b"], now: 1) == ["b"])
        #expect(schedule.due(["a"], now: 1) == ["a"])
    }
}
