// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Simulator

/// `Simulate [--seed N] [--seeds COUNT] [--hours H] [--trace]`: runs seeds from N on and reports; `Simulate --damage COUNT`
/// damages messages instead.
@main
struct Simulate {
    static func main() {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            print("usage: Simulate [--seed N] [--seeds COUNT] [--hours H] [--trace] | --damage COUNT")
            exit(64)
        }
        if let count = options.damaged { return damage(count) }
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

    private static func damage(_ count: Int) {
        let run = DamageRun(count: count)
        for failure in run.failures { print("simulate: FAILED \(failure)") }
        if !run.failures.isEmpty { exit(1) }
        print("simulate: \(count) damaged messages, of which \(run.taken) were still taken")
        print(
            "simulate: at most \(Int(run.slowest * 1e6)) microseconds for one, and \(run.growth) bytes more in the end"
        )
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
    /// How many messages to damage, in place of everything else.
    var damaged: Int?

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
            case "--damage": damaged = Int(text)
            case "--hours": hours = min(value, 10_000)
            default: return nil
            }
        }
        seeds = first..<(first &+ count)
    }
}
