// SPDX-License-Identifier: Apache-2.0

internal import Telemetry
internal import Testing

@Suite("Counters, gauges and histograms")
struct ValueTests {
    @Test("A counter counts, merges and wraps instead of trapping")
    func counter() {
        var counter = Counter()
        counter.increment()
        counter.add(41)
        var other = Counter()
        other.add(.max)
        #expect(counter.value == 42)
        other.merge(counter)
        #expect(other.value == 41)
    }

    @Test("A gauge rises, falls and merges")
    func gauge() {
        var gauge = Gauge()
        gauge.increment()
        gauge.increment()
        gauge.decrement()
        var other = Gauge()
        other.set(7)
        other.merge(gauge)
        #expect(other.value == 8)
    }

    @Test("A table has one slot for each label value, and merges slot by slot")
    func table() {
        let last = DropLabel.allCases[DropLabel.allCases.count - 1]
        var table = CounterTable<DropLabel>()
        for label in DropLabel.allCases { table.add(UInt64(label.rawValue) + 1, to: label) }
        table.increment(last)
        var sum = CounterTable<DropLabel>()
        sum.merge(table)
        sum.merge(table)
        #expect(sum[.malformed] == 2)
        #expect(sum[last] == 2 * UInt64(DropLabel.allCases.count + 1))
        #expect(sum.samples().map(\.labels) == DropLabel.allCases.map { [$0.label] })
        #expect(table.total == UInt64((1...DropLabel.allCases.count).reduce(1, +)))
    }

    @Test("A grid tells every pair of label values apart")
    func grid() {
        var grid = CounterGrid<ResponseClassLabel, OriginLabel>()
        for row in ResponseClassLabel.allCases {
            for column in OriginLabel.allCases {
                for _ in 0...(row.rawValue * 10 + column.rawValue) { grid.increment(row, column) }
            }
        }
        #expect(grid[.serverError, .local] == 42)
        #expect(grid.samples().count == 12)
        #expect(grid.samples().last == MetricSample(["6xx", "local"], .integer(52)))
    }

    @Test("Rows come as they are counted in; what was never counted is zero, and merging needs no row on either side")
    func rows() {
        var rows = CounterRows<ResultLabel>()
        #expect(rows[7, .failure] == 0)
        rows.increment(2, .failure)
        rows.increment(2, .failure)
        rows.increment(0, .success)
        var sum = CounterRows<ResultLabel>()
        sum.increment(5, .success)
        sum.merge(rows)
        sum.merge(CounterRows())
        #expect([sum[0, .success], sum[2, .failure], sum[5, .success], sum[5, .failure]] == [1, 2, 1, 0])
        #expect(sum[2].samples(["voice"]).map(\.labels) == [["voice", "success"], ["voice", "failure"]])
        #expect(sum[2].total == 2)
    }

    @Test("Label values are the words that operators know")
    func labels() {
        #expect(MethodLabel.invite.label == "INVITE")
        #expect(ResponseClassLabel(status: 486).label == "4xx")
        #expect(ResponseClassLabel(status: 0).label == "1xx")
        #expect(ResponseClassLabel(status: .max).label == "6xx")
        #expect(AttemptFailureLabel.connectTimeout.label == "connect_timeout")
        #expect(TLSVersionLabel.tls13.label == "1.3")
        #expect(TimerLabel.b.label == "B")
    }

    @Test("Both histograms count a value at a bound below it, beyond the last bound only in the total")
    func histograms() {
        let values: [Int64] = [-5, 0, 100_000, 101_000, 1_000_000_000, 32_000_000_000, 33_000_000_000]
        var buckets = BucketHistogram()
        var latencies = LatencyHistogram()
        for value in values {
            buckets.record(nanoseconds: value)
            latencies.record(nanoseconds: value)
        }
        let snapshot = buckets.snapshot
        #expect(snapshot.bounds.first == 0.0001 && snapshot.bounds.last == 32)
        #expect(snapshot.cumulativeCounts.first == 3)
        #expect(snapshot.cumulativeCounts[1] == 4)
        #expect(snapshot.cumulativeCounts.last == 6)
        #expect(snapshot.count == 7)
        #expect(abs(snapshot.sum - 66.000201) < 1e-9)
        #expect(latencies.snapshot.count == 7)
        #expect(latencies.snapshot.sum == snapshot.sum)
        #expect(latencies.snapshot.cumulativeCounts.first == 3)
    }

    @Test("Percentiles are right to two digits, and merging equals recording all in one")
    func percentiles() {
        var left = LatencyHistogram()
        var right = LatencyHistogram()
        for value in 1...1000 {
            if value.isMultiple(of: 2) {
                left.record(nanoseconds: Int64(value) * 1_000_000)
            } else {
                right.record(nanoseconds: Int64(value) * 1_000_000)
            }
        }
        #expect(LatencyHistogram().percentile(99) == 0)
        left.merge(right)
        #expect(left.count == 1000)
        #expect(abs(left.percentile(50) - 0.5) <= 0.005)
        #expect(abs(left.percentile(99) - 0.99) <= 0.0099)
        var one = BucketHistogram()
        var two = BucketHistogram()
        one.record(nanoseconds: 1)
        two.record(nanoseconds: 2_000_000)
        one.merge(two)
        #expect(one.snapshot.count == 2)
    }
}
