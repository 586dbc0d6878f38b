// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// How a pool's backends are judged.
extension SectionReader {
    func readHealth(_ node: Node?, _ path: String, into pool: inout PoolSettingsEntry) {
        guard let node, let values = reader.mapping(node, "\(path).health", .health) else { return }
        values.choice("probe", &pool.probe)
        values.duration("interval", in: .milliseconds(100) ... .seconds(3600), &pool.interval)
        values.integer("jitter", in: 0...50, &pool.jitterPercent)
        values.duration("timeout", in: .milliseconds(50) ... .seconds(60), &pool.timeout)
        values.integer("fall", in: 1...100, &pool.fall)
        values.integer("rise", in: 1...100, &pool.rise)
        values.bool("probe_before_use", &pool.probeBeforeUse)
        pool.acceptedStatuses = statuses(values, "accept", in: 200...699)
    }

    func readEjection(_ node: Node?, _ path: String, into ejection: inout PoolSettingsEntry.Ejection) {
        guard let node, let values = reader.mapping(node, "\(path).ejection", .ejection) else { return }
        values.integer("consecutive_failures", in: 1...1000, &ejection.consecutiveFailures)
        values.integer("failure_percent", in: 1...100, &ejection.failurePercent)
        values.integer("minimum_requests", in: 1...1_000_000, &ejection.minimumRequests)
        values.duration("base_time", in: .milliseconds(100) ... .seconds(3600), &ejection.baseTime)
        values.duration("max_time", in: .milliseconds(100) ... .seconds(3600), &ejection.maximumTime)
        values.integer("max_percent", in: 0...100, &ejection.maximumPercent)
        if ejection.baseTime > ejection.maximumTime {
            reader.error(
                values["base_time"] ?? values["max_time"],
                "\(values.path).base_time is above max_time, which it doubles up to"
            )
        }
    }

    /// A list of status codes.
    func statuses(_ values: MappingReader, _ key: String, in range: ClosedRange<UInt16>) -> [UInt16] {
        values.strings(key).compactMap { node, text in
            guard let code = MappingReader.count(text[...]).flatMap({ UInt16(exactly: $0) }), range.contains(code)
            else {
                reader.error(node, "\(key) must be status codes from \(range.lowerBound) to \(range.upperBound)")
                return nil
            }
            return code
        }
    }
}
