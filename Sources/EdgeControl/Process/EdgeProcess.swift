// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS
internal import Foundation
internal import Logging
internal import UnixSignals

/// The edge in the foreground: SIGHUP reloads, SIGTERM and SIGINT drain and end, systemd is told.
package enum EdgeProcess {
    /// Runs until a signal ends it.
    ///
    /// The admin API is there first, so that who waits for the edge can ask whether it is ready.
    ///
    /// - Parameter keyLogFile: where the secrets of all TLS connections are written; nil, as always but for debugging.
    /// - Throws: `CheckedConfiguration.Refusal` when the configuration is refused, or a listener or the admin socket
    ///   cannot be opened; `KeyLog.Unwritable`.
    package static func run(configuration path: String, keyLogFile: String? = nil) async throws {
        let keyLog = try keyLogFile.map(KeyLog.init)
        let checked = try CheckedConfiguration.load(path, keyLog: keyLog, state: StateDirectory())
        let log = EdgeLog(checked.configuration.logging)
        let logger = log.logger
        for warning in checked.warnings { logger.warning("\(warning.placedMessage)") }
        if let keyLog {
            logger.warning(
                "the secrets of all TLS connections are written to a file; whoever has it can read the traffic",
                metadata: ["file": "\(keyLog.path)"]
            )
        }
        DescriptorLimit.raise()
        let plane = try await ControlPlane(path: path, checked: checked, log: log)
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
        let admin: Task<Void, any Error>
        do {
            admin = try await AdminServer(plane: plane, settings: checked.configuration.admin, logger: logger).start()
        } catch {
            try? await plane.halt()
            throw checked.refusal(of: error)
        }
        do {
            try await plane.start(defaultWorkers: ProcessInfo.processInfo.activeProcessorCount)
        } catch {
            admin.cancel()
            try? await plane.halt()
            throw error
        }
        Task {
            let outcome = await admin.result
            guard !admin.isCancelled else { return }
            logger.error("the admin API is served no more", metadata: ["reason": "\(outcome)"])
        }
        SystemdNotifier.notify("READY=1")
        let unanswered = try await untilTold(by: signals, plane, logger)
        try await plane.halt()
        admin.cancel()
        let loss = unanswered == 0 ? "" : " with \(unanswered) transaction\(unanswered == 1 ? "" : "s") unanswered"
        logger.notice("stopped\(loss)")
    }

    /// Reloads when it is told to, until it is told to end and has drained; told again, it drains no longer.
    ///
    /// - Returns: how many requests have no answer.
    private static func untilTold(
        by signals: UnixSignalsSequence,
        _ plane: ControlPlane,
        _ logger: Logger
    ) async throws -> Int {
        // The signals have one reader from start to end.
        let (ends, end) = AsyncStream.makeStream(of: UnixSignal.self)
        let reader = Task {
            for await signal in signals {
                if signal == .sighup { await reload(plane) } else { end.yield(signal) }
            }
        }
        defer { reader.cancel() }
        for await _ in ends { break }
        SystemdNotifier.notify("STOPPING=1")
        let drain = Task { try await plane.drain() }
        let impatience = Task {
            for await signal in ends {
                logger.notice("told to end again: stopping at once", metadata: ["signal": "\(signal)"])
                return drain.cancel()
            }
        }
        defer { impatience.cancel() }
        return try await drain.value
    }

    private static func reload(_ plane: ControlPlane) async {
        // What ends takes no other configuration.
        guard await !plane.isDraining else { return }
        SystemdNotifier.notify("RELOADING=1\nMONOTONIC_USEC=\(SystemdNotifier.monotonicMicroseconds)")
        _ = await plane.reload()
        SystemdNotifier.notify("READY=1")
    }
}

/// Tells systemd how the service stands (sd_notify(3)); does nothing elsewhere.
enum SystemdNotifier {
    static func notify(_ state: String) {
        guard let path = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"], !path.isEmpty else { return }
        let descriptor = UnixDatagram.connect(to: path)
        guard descriptor >= 0 else { return }
        _ = UnixDatagram.send(state, on: descriptor)
        close(descriptor)
    }

    static var monotonicMicroseconds: UInt64 {
        DispatchTime.now().uptimeNanoseconds / 1000
    }
}
