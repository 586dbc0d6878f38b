// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Simulator

/// `Simulate [--seed N] [--seeds COUNT] [--hours H] [--trace]`: runs seeds from N on and reports.
@main
struct Simulate {
    static func main() {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            print("usage: Simulate [--seed N] [--seeds COUNT] [--hours H] [--trace]")
            exit(64)
        }
        var total = Count()
        for seed in options.seeds {
            let run = Simulation(seed: seed, seconds: options.hours * 3600, isTraced: options.isTraced)
            total += run.count
            if options.isTraced { for line in run.log { print(line) } }
            guard !run.failures.isEmpty else { continue }
            report(run, options)
            exit(1)
        }
        for line in total.lines { print("simulate: \(line)") }
        print("simulate: all held in \(options.seeds.count) seeds from \(options.seeds.first ?? 0) on")
    }

    /// Tells of a failure, and what went before it.
    private static func report(_ run: Simulation, _ options: Options) {
        if !options.isTraced {
            let again = Simulation(seed: run.seed, seconds: options.hours * 3600, isTraced: true)
            for line in again.log.suffix(120) { print(line) }
        }
        for failure in run.failures { print("simulate: seed \(run.seed) FAILED \(failure)") }
        print("simulate: run it again with make simulate SEED=\(run.seed) HOURS=\(options.hours)")
    }
}

/// The command line.
struct Options {
    var seeds: Range<UInt64> = 1..<2
    var hours = 1.0
    var isTraced = false

    init?(_ arguments: [String]) {
        var first: UInt64 = 1
        var count: UInt64 = 1
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--trace" {
                isTraced = true
                continue
            }
            guard let text = rest.popFirst(), let value = Double(text), value >= 0 else { return nil }
            switch name {
            case "--seed": first = UInt64(text) ?? 1
            case "--seeds": count = max(1, UInt64(text) ?? 1)
            case "--hours": hours = min(value, 10_000)
            default: return nil
            }
        }
        seeds = first..<(first &+ count)
    }
}
