// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import UnixSignals

/// The demonstration as a process: stage, rehearsal, report, and calls that go on until a signal ends them.
package enum DemoProcess {
    /// Runs it; whether every step held and no call failed.
    ///
    /// A rehearsal that a signal ends did not hold.
    package static func run(
        _ options: DemoStage.Options,
        once: Bool,
        say: @escaping @Sendable (String) -> Void,
        show: (DemoReport) throws -> Void
    ) async throws -> Bool {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let stage = try await DemoStage.start(options)
        let dns = "127.0.0.1:\(stage.dnsPort)"
        say("edge: sips on 127.0.0.1:\(stage.port), dashboard on http://127.0.0.1:\(stage.dashboardPort)/")
        say("zones: served on \(dns); try brana resolve sip:\(DemoZone.domain) --server \(dns)")
        let rehearsal = Task { try await DemoRehearsal.run(on: stage, say: say) }
        let interruption = Interruption()
        let watcher = Task {
            for await _ in signals { break }
            interruption.flag.store(true, ordering: .relaxed)
            rehearsal.cancel()
        }
        defer { watcher.cancel() }
        do {
            let report = try await rehearsal.value
            try show(report)
            var failed = 0
            if !once {
                say("\ncalling on, five calls a second, until interrupted")
                let tally = await stage.caller.call(perSecond: 5) { interruption.flag.load(ordering: .relaxed) }
                say("\(tally.calls) more calls, \(tally.failed) failed")
                failed = tally.failed
            }
            await stage.stop()
            return report.held && failed == 0
        } catch {
            await stage.stop()
            guard interruption.flag.load(ordering: .relaxed) else { throw error }
            say("interrupted before the rehearsal had ended; everything is stopped")
            return false
        }
    }

    private final class Interruption: Sendable {
        let flag = Atomic<Bool>(false)
    }
}
