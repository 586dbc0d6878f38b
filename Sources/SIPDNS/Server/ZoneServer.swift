// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import NIOPosix
internal import SIPLocation
package import SIPMessage

/// An authoritative server for a few zones, over UDP and TCP, on one event loop: for `brana zone serve`, the
/// demonstration and tests.
///
/// Changed files are taken within a second; a bad one leaves what was served before.
package final class ZoneServer: Sendable {
    /// What the server may use; each has its default and can be lowered in tests.
    package struct Limits: Sendable, Hashable {
        /// TCP connections at a time.
        package var connections = 256
        /// Octets of a query over TCP.
        package var query = 4096
        /// Octets of a datagram, whatever the asker takes.
        package var datagram = 1232
        /// How long a connection may be silent (RFC 7766 section 6.2.3).
        package var idle = TimeAmount.seconds(10)
        /// How often files are looked at.
        package var reload = TimeAmount.milliseconds(500)

        package init() {}
    }

    package struct Statistics: Sendable, Hashable {
        package var queries: UInt64 = 0
        package var dropped: UInt64 = 0
        package var reloads: UInt64 = 0
        /// Changed files that could not be used.
        package var refusals: UInt64 = 0
    }

    /// The address that it answers on.
    package let address: IPAddress
    package let port: UInt16

    private let loop: any EventLoop
    private let service: NIOLoopBound<ZoneService>
    private let channels: [any Channel]
    private let watch: RepeatedTask

    /// Reads the zones and opens UDP and TCP on the same port; 0 lets the system choose one.
    /// - Throws: `ZoneProblems` with everything that is wrong in the files, or the system's error.
    package static func start(
        _ sources: [ZoneSource],
        address: IPAddress = .v4(0x7F00_0001),
        port: UInt16,
        loop: any EventLoop,
        limits: Limits = Limits(),
        trouble: ZoneTrouble = ZoneTrouble(),
        report: @escaping @Sendable (ZoneServerEvent) -> Void = { _ in }
    ) async throws -> ZoneServer {
        let zones = try ServedZone.load(sources)
        let service = try await loop.submit {
            let service = ZoneService(zones: zones, limits: limits, report: report)
            service.trouble = trouble
            return NIOLoopBound(service, eventLoop: loop)
        }.get()
        let opening = ZoneListeners(loop: loop, service: service, limits: limits)
        let datagrams = try await opening.datagrams(SocketAddress(address, port: port)).get()
        guard let bound = datagrams.localAddress?.port, let port = UInt16(exactly: bound) else {
            throw ChannelError.unknownLocalAddress
        }
        do {
            let streams = try await opening.streams(SocketAddress(address, port: port)).get()
            for served in zones {
                let zone = served.zone
                report(.loaded(source: served.source.name, origin: zone.origin, records: zone.records.count))
            }
            return ZoneServer(address, port, loop, service, [datagrams, streams], every: limits.reload)
        } catch {
            try? await datagrams.close()
            throw error
        }
    }

    private init(
        _ address: IPAddress,
        _ port: UInt16,
        _ loop: any EventLoop,
        _ service: NIOLoopBound<ZoneService>,
        _ channels: [any Channel],
        every interval: TimeAmount
    ) {
        self.address = address
        self.port = port
        self.loop = loop
        self.service = service
        self.channels = channels
        // Files are read on a thread of their own: answering never waits for a disk.
        watch = loop.scheduleRepeatedAsyncTask(initialDelay: interval, delay: interval) { _ in
            Self.reload(service, loop)
        }
    }

    private static func reload(_ service: NIOLoopBound<ZoneService>, _ loop: any EventLoop) -> EventLoopFuture<Void> {
        let known = service.value.zones.map { (source: $0.source, stamp: $0.stamp) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: loop) { ServedZone.changes(known) }
            .map { service.value.adopt($0) }
            .recover { _ in }
    }

    /// Makes trouble from now on, or no more.
    package func rehearse(_ trouble: ZoneTrouble) async throws {
        let service = service
        try await loop.submit { service.value.trouble = trouble }.get()
    }

    /// Serves another text for a zone that came from a text.
    /// - Throws: `ZoneProblems`; what was served before goes on.
    package func replace(_ name: String, with text: String) async throws {
        let source = ZoneSource.text(text, name: name)
        let zone = try source.zone()
        let service = service
        try await loop.submit {
            guard let index = service.value.zones.firstIndex(where: { $0.source.name == name }) else {
                throw ZoneProblems([ZoneProblem(file: name, line: 0, message: "is not served here")])
            }
            service.value.zones[index].source = source
            service.value.adopt([
                ServedZone.Change(index: index, stamp: source.stamp(), result: .success(zone))
            ])
        }.get()
    }

    package func statistics() async throws -> Statistics {
        let service = service
        return try await loop.submit { service.value.statistics }.get()
    }

    /// Closes the listeners; connections end by themselves.
    package func stop() async {
        watch.cancel()
        for channel in channels { try? await channel.close() }
    }
}
