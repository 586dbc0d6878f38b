// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

extension SystemTests {
    @Suite("What systemd is told")
    struct ReadinessTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("READY=1 says that listeners and admin API are open; then RELOADING=1, READY=1 and STOPPING=1 follow")
        func ready() async throws {
            let manager = try await Manager.open(directory.file("notify.sock"))
            let edge = try EdgeText(target: "127.0.0.1:19;transport=tcp")
            let socket = directory.file("edge.sock")
            let process = try start(edge, admin: "socket: \(socket)", manager)
            #expect(try await manager.wait(for: ["READY=1"]))
            // No second try: both must be there by now.
            let client = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            try await client.connect(unixDomainSocketPath: socket).get().close()
            try await client.connect(host: "127.0.0.1", port: edge.port).get().close()
            process.signal(SIGHUP)
            #expect(try await manager.wait(for: ["READY=1", "RELOADING=1", "READY=1"]))
            #expect(await process.stop(within: .seconds(15)) == 0)
            #expect(try await manager.wait(for: ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]))
            try await manager.close()
        }

        @Test("An edge whose admin port is in use never says READY=1")
        func refused() async throws {
            let manager = try await Manager.open(directory.file("notify.sock"))
            let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: 0).get()
            let edge = try EdgeText(target: "127.0.0.1:19;transport=tcp")
            let http = "http: \"127.0.0.1:\(taken.localAddress?.port ?? 0)\""
            let process = try start(edge, admin: "socket: \(directory.file("edge.sock")), \(http)", manager)
            #expect(try await process.finish(within: .seconds(15)).status == 1)
            #expect(manager.states == [])
            try await taken.close()
            try await manager.close()
        }

        private func start(_ edge: EdgeText, admin: String, _ manager: Manager) throws -> ChildProcess {
            let file = try directory.write("\(edge.text)\nadmin: { \(admin) }\n", to: "edge.yaml")
            let environment = ["NOTIFY_SOCKET": manager.path]
            return try ChildProcess(
                Brana.executable,
                ["run", "--config", file],
                in: directory,
                environment: environment
            )
        }
    }
}

/// The socket at which systemd hears its services.
private final class Manager: Sendable {
    let path: String
    private let channel: any Channel
    private let heard: NIOLockedValueBox<[String]>

    private init(_ path: String, _ channel: any Channel, _ heard: NIOLockedValueBox<[String]>) {
        self.path = path
        self.channel = channel
        self.heard = heard
    }

    static func open(_ path: String) async throws -> Manager {
        let heard = NIOLockedValueBox<[String]>([])
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Listener(heard))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        return Manager(path, channel, heard)
    }

    /// The first line of each message so far.
    var states: [String] { heard.withLockedValue { $0 } }

    func wait(for wanted: [String]) async throws -> Bool {
        await Waiting.until(within: .seconds(15)) { states == wanted }
    }

    func close() async throws { try await channel.close() }

    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let heard: NIOLockedValueBox<[String]>

        init(_ heard: NIOLockedValueBox<[String]>) {
            self.heard = heard
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data).data)
            heard.withLockedValue { $0.append(text.split(separator: "\n").first.map(String.init) ?? "") }
        }
    }
}
