// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import NIOCore
internal import NIOPosix

/// How the sockets of listeners are opened: once a worker, on the worker's own loop, sharing address and port.
///
/// The kernel spreads new connections and datagram sources over the sockets, so accepting, TLS, routing and the way to
/// the backend of one client all stay on one thread.
package enum ListenerSocket {
    /// The number of connections that wait to be accepted.
    package static let backlog: CInt = 4096

    /// SO_REUSEPORT as a channel option.
    package static var reusePort: ChannelOptions.Types.SocketOption {
        ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: SO_REUSEPORT))
    }

    /// TCP_NODELAY: messages leave when they are flushed, which happens once a loop tick.
    package static var noDelay: ChannelOptions.Types.SocketOption {
        ChannelOptions.Types.SocketOption(level: .tcp, name: .tcp_nodelay)
    }

    /// Fails when another process holds the address; with SO_REUSEPORT alone the kernel would share it between the two.
    package static func probe(on loop: any EventLoop, address: SocketAddress, isStream: Bool) -> EventLoopFuture<Void> {
        let binding =
            isStream
            ? ServerBootstrap(group: loop)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.autoRead, value: false)
                .bind(to: address)
            : DatagramBootstrap(group: loop).channelOption(.autoRead, value: false).bind(to: address)
        return binding.flatMap { $0.close() }
    }

    /// A stream listener on `loop` whose accepted channels `initializer` sets up.
    package static func stream(
        on loop: any EventLoop,
        address: SocketAddress,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(reusePort, value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(noDelay, value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: ShortLivedReceiveBuffers())
            .childChannelInitializer(initializer)
            .bind(to: address)
    }

    /// A datagram listener on `loop`.
    package static func datagram(
        on loop: any EventLoop,
        address: SocketAddress,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: loop)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(reusePort, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_535))
            .channelInitializer(initializer)
            .bind(to: address)
    }
}
