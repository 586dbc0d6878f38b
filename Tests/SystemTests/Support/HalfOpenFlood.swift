// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import TestSupport

/// Connections from many addresses that send the beginning of a ClientHello, and nothing more.
actor HalfOpenFlood {
    private let port: Int
    private var channels: [any Channel] = []

    /// A record of a handshake that announces 512 octets, of which these are the first (RFC 8446 sections 4 and 5.1).
    private static let beginning: [UInt8] =
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03] + [UInt8](repeating: 0x5A, count: 32)
    /// From one address come fewer than `limits.handshakes_per_source` allows.
    private static let addresses = 20
    private static let sideBySide = 100

    init(port: Int) {
        self.port = port
    }

    var openCount: Int { channels.count(where: \.isActive) }

    func open(_ count: Int) async throws {
        while channels.count < count {
            let batch = min(Self.sideBySide, count - channels.count)
            let first = channels.count
            let opened = try await withThrowingTaskGroup(of: (any Channel).self) { [port] group in
                for number in first..<(first + batch) {
                    group.addTask { try await Self.connect(number, to: port) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            channels += opened
        }
    }

    func close() async {
        for channel in channels { channel.close(promise: nil) }
        for channel in channels { try? await channel.closeFuture.get() }
        channels = []
    }

    private static func connect(_ number: Int, to port: Int) async throws -> any Channel {
        let source = try SocketAddress(ipAddress: "127.0.3.\(1 + number % addresses)", port: 0)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: source)
            .connectTimeout(.seconds(20))
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(ByteBuffer(bytes: beginning))
        return channel
    }
}
