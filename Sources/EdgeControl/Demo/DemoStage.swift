// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SIPDNS

/// Everything that the demonstration runs in one process: zone server, backends, edge, admin API and caller.
package final class DemoStage: Sendable {
    /// What the operator may choose.
    package struct Options: Sendable {
        /// Ports on 127.0.0.1; one that is taken is replaced by a free one.
        package var port = 25061
        package var dashboardPort = 25080
        package var dnsPort = 25053
        /// Whether the edge's own log lines are shown.
        package var showsLog = false

        package init() {}
    }

    /// A part could not be started.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package let port: Int
    package let dashboardPort: Int
    package let dnsPort: Int
    let plane: ControlPlane
    let zones: ZoneServer
    let backends: [DemoBackend]
    let caller: DemoCaller
    let zone: DemoZone
    private let settings: DemoEdgeFiles
    private let group: MultiThreadedEventLoopGroup
    private let admin: Task<Void, any Error>

    /// Starts everything; what was started is stopped again when a part cannot be.
    package static func start(_ options: Options) async throws -> DemoStage {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            return try await DemoStage(options, group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private init(_ options: Options, _ group: MultiThreadedEventLoopGroup) async throws {
        self.group = group
        var zone = DemoZone()
        var backends: [DemoBackend] = []
        for index in zone.servers.indices {
            let server = zone.servers[index]
            let port = try await DemoPorts.free(preferring: server.port, on: group)
            zone.servers[index].port = port
            backends.append(
                try await .start(name: server.name, address: "127.0.0.1", port: port, on: group.next())
            )
        }
        self.zone = zone
        self.backends = backends
        let zonePort = try await DemoPorts.free(preferring: options.dnsPort, on: group)
        zones = try await ZoneServer.start(
            [.text(zone.text, name: Self.zoneName)] + Self.exampleZones(),
            port: UInt16(clamping: zonePort),
            loop: group.next()
        )
        dnsPort = Int(zones.port)
        port = try await DemoPorts.free(preferring: options.port, on: group)
        dashboardPort = try await DemoPorts.free(preferring: options.dashboardPort, on: group)
        settings = try DemoEdgeFiles(port: port, dashboardPort: dashboardPort, dnsPort: dnsPort, log: options.showsLog)
        let checked = try CheckedConfiguration.load(settings.configuration)
        let log = EdgeLog(checked.configuration.logging)
        let plane = try await ControlPlane(path: settings.configuration, checked: checked, log: log)
        self.plane = plane
        try await plane.start(defaultWorkers: 1)
        admin = try await AdminServer(plane: plane, settings: checked.configuration.admin, logger: log.logger).start()
        caller = DemoCaller(
            settings: .init(port: port, domain: DemoZone.domain),
            run: String(UInt32.random(in: .min ... .max), radix: 36),
            secure: try settings.callerTLS(),
            group: group
        )
    }

    /// Serves the zone with other weights from now on.
    func serve(_ zone: DemoZone) async throws {
        try await zones.replace(Self.zoneName, with: zone.text)
    }

    /// Writes the configuration anew, which differs a little each time, and makes the edge reload it.
    func reload() async throws -> ReloadReport {
        try settings.rewrite()
        return await plane.reload()
    }

    /// The pool as the edge sees it.
    func pool() async throws -> PoolReport? { try await plane.poolReports().first }

    /// Ends everything, the edge by its drain.
    package func stop() async {
        await caller.close()
        try? await plane.stop()
        admin.cancel()
        _ = await admin.result
        for backend in backends { await backend.stop() }
        await zones.stop()
        settings.remove()
        try? await group.shutdownGracefully()
    }

    private static let zoneName = "demo.zone"

    /// The example zones of the working directory, where there are any, so that they can be asked for too.
    private static func exampleZones() -> [ZoneSource] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "zones")) ?? []
        return names.sorted()
            .filter { $0.hasSuffix(".zone") && $0 != zoneName && $0 != "broken.zone" }
            .map { .file("zones/\($0)") }
    }
}
