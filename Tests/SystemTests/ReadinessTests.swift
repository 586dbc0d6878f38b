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
            let manager = try Manager(directory.file("notify.sock"))
            let edge = try EdgeText(target: "127.0.0.1:19;transport=tcp")
            let socket = directory.file("edge.sock")
            let process = try start(edge, admin: "socket: \(socket)", manager)
            #expect(await manager.wait(for: ["READY=1"]))
            // No second try: both must be there by now.
            let client = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            try await client.connect(unixDomainSocketPath: socket).get().close()
            try await client.connect(host: "127.0.0.1", port: edge.port).get().close()
            process.signal(SIGHUP)
            #expect(await manager.wait(for: ["READY=1", "RELOADING=1", "READY=1"]))
            #expect(await process.stop(within: .seconds(15)) == 0)
            #expect(await manager.wait(for: ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]))
        }

        @Test("An edge whose admin port is in use never says READY=1")
        func refused() async throws {
            let manager = try Manager(directory.file("notify.sock"))
            let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: 0).get()
            let edge = try EdgeText(target: "127.0.0.1:19;transport=tcp")
            let http = "http: \"127.0.0.1:\(taken.localAddress?.port ?? 0)\""
            let process = try start(edge, admin: "socket: \(directory.file("edge.sock")), \(http)", manager)
            #expect(try await process.finish(within: .seconds(15)).status == 1)
            #expect(manager.states == [])
            try await taken.close()
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
///
/// Not NIO's: it cannot read what a sender without an address sent.
private final class Manager: Sendable {
    let path: String
    private let descriptor: Int32
    private let heard = NIOLockedValueBox<[String]>([])

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard result == 0 else { throw TestSupportError("cannot bind \(path): error \(errno)") }
    }

    deinit { close(descriptor) }

    /// The first line of each message so far.
    var states: [String] {
        heard.withLockedValue { heard in
            var bytes = [UInt8](repeating: 0, count: 1024)
            while case let count = recv(descriptor, &bytes, bytes.count, 0), count > 0 {
                let text = String(decoding: bytes[..<count], as: UTF8.self)
                heard.append(text.split(separator: "\n").first.map(String.init) ?? "")
            }
            return heard
        }
    }

    func wait(for wanted: [String]) async -> Bool {
        await Waiting.until(within: .seconds(15)) { states == wanted }
    }
}
