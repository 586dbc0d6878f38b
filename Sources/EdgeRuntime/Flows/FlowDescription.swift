// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage
package import SIPProxy

/// One flow as it stands at one moment, for `brana flows`.
package struct FlowDescription: Sendable {
    package let id: FlowID
    package let side: FlowContext.Side
    package let listener: ListenerID
    package let transport: SIPTransport
    /// Who is on the other side; nil for a listener's UDP socket, which speaks to everybody.
    package let remote: Endpoint?
    /// Whether messages can be sent: the connection stands, and TLS is over its handshake.
    package let isReady: Bool
    /// When it connected and when something last came; nil for UDP, where nobody looks.
    package let connectedAt: NIODeadline?
    package let lastRead: NIODeadline?
    package let bytesIn: UInt64
    package let bytesOut: UInt64
    /// Names that the peer's certificate proves.
    package let verifiedNames: [String]

    init(_ flow: StreamFlow) {
        let context = flow.context
        id = context.id
        side = context.side
        listener = context.listener
        transport = context.transport
        remote = Endpoint(transport: context.transport, address: context.remoteAddress, port: context.remotePort)
        isReady = flow.phase == .ready
        connectedAt = flow.connectedAt
        lastRead = flow.lastRead
        bytesIn = flow.bytesIn
        bytesOut = flow.bytesOut
        verifiedNames = context.verifiedNames
    }

    init(_ flow: DatagramFlow) {
        id = flow.id
        side = flow.backend.map { .backend($0) } ?? .client
        listener = flow.listener
        transport = .udp
        remote =
            flow.backend?.endpoint
            ?? flow.server.map { Endpoint(transport: .udp, address: $0.address, port: $0.port) }
        isReady = true
        connectedAt = nil
        lastRead = nil
        bytesIn = flow.bytesIn
        bytesOut = flow.bytesOut
        verifiedNames = []
    }
}

/// Some of a worker's flows, and how many it has.
package struct FlowList: Sendable {
    package let total: Int
    package let flows: [FlowDescription]
}

extension WorkerHandle {
    /// At most `limit` of the worker's flows, in no order.
    package func flows(limit: Int) -> EventLoopFuture<FlowList> {
        submit { worker in
            let streams = worker.streams.values.prefix(limit).map { FlowDescription($0) }
            let datagrams = worker.datagrams.values.prefix(limit - streams.count).map { FlowDescription($0) }
            return FlowList(total: worker.streams.count + worker.datagrams.count, flows: streams + datagrams)
        }
    }
}

extension Edge {
    /// At most `limit` flows of all workers together, in no order.
    package func flows(limit: Int) async throws -> FlowList {
        var total = 0
        var all: [FlowDescription] = []
        for worker in workers {
            let list = try await worker.flows(limit: max(0, limit - all.count)).get()
            total += list.total
            all += list.flows
        }
        return FlowList(total: total, flows: all)
    }
}
