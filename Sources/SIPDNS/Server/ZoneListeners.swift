// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix

/// Opens the zone server's sockets.
struct ZoneListeners: Sendable {
    let loop: any EventLoop
    let service: NIOLoopBound<ZoneService>
    let limits: ZoneServer.Limits

    func datagrams(_ address: SocketAddress) -> EventLoopFuture<any Channel> {
        let service = service
        return DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ZoneDatagramHandler(service: service.value))
                }
            }
            .bind(to: address)
    }

    func streams(_ address: SocketAddress) -> EventLoopFuture<any Channel> {
        let (service, limits) = (service, limits)
        return ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(ByteToMessageHandler(DNSStreamDecoder(limit: limits.query)))
                    try pipeline.addHandler(IdleStateHandler(readTimeout: limits.idle))
                    try pipeline.addHandler(ZoneStreamHandler(service: service.value))
                }
            }
            .bind(to: address)
    }
}
