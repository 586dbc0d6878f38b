// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation
internal import Logging
internal import UnixSignals

/// The edge in the foreground: SIGHUP reloads, SIGTERM and SIGINT drain and end, systemd is told.
package enum EdgeProcess {
    /// Runs until a signal ends it.
    ///
    /// - Throws: when the configuration is refused or a listener cannot be opened.
    package static func run(configuration path: String) async throws {
        let checked = try CheckedConfiguration.load(path)
        let log = EdgeLog(checked.configuration.logging)
        let logger = log.logger
        for warning in checked.warnings { logger.warning("\(warning)") }
        let plane = try await ControlPlane(path: path, checked: checked, log: log)
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
        do {
            try await plane.start(defaultWorkers: ProcessInfo.processInfo.activeProcessorCount)
        } catch {
            try? await plane.halt()
            throw error
        }
        let admin = Task {
            let server = AdminServer(plane: plane, settings: checked.configuration.admin, logger: logger)
            do {
                try await server.run()
            } catch {
                logger.error("the admin socket is not served", metadata: ["reason": "\(error)"])
            }
        }
        SystemdNotifier.notify("READY=1")
        for await signal in signals {
            guard signal == .sighup else { break }
            SystemdNotifier.notify("RELOADING=1\nMONOTONIC_USEC=\(SystemdNotifier.monotonicMicroseconds)")
            _ = await plane.reload()
            SystemdNotifier.notify("READY=1")
        }
        SystemdNotifier.notify("STOPPING=1")
        try await plane.stop()
        admin.cancel()
        logger.notice("stopped")
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
