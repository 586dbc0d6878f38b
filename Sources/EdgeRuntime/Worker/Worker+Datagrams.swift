// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// UDP sockets: whose a datagram is, and what happens to them.
extension Worker {
    /// What the core is told of a datagram's sender; `face` is the flow of the local address that it came to.
    func datagramContext(of flow: DatagramFlow, _ face: FlowID?, from source: DatagramAddress) -> FlowContext {
        let (address, port) = (source.address, source.port)
        let shared = listenerDatagrams[flow.listener]
        if let backend = flow.backend, backend.pool != nil || shared == nil {
            return backendContext(flow.id, backend, listener: flow.listener)
        }
        // What the kernel brings to a socket that only some message had us open is the listener's, and outlives it.
        let id = flow.peer == nil ? face ?? flow.id : flow.shared ?? shared?.id ?? flow.id
        guard let setup = snapshot.listener(flow.listener) else {
            return FlowContext(
                id: id,
                side: .client,
                listener: flow.listener,
                transport: .udp,
                remoteAddress: address,
                remotePort: port,
                remoteText: ByteBuffer(string: address.description),
                token: ByteBuffer()
            )
        }
        return clientContext(setup.identity, id, address: address, port: port)
    }

    /// A UDP socket has closed.
    func closed(_ flow: DatagramFlow) {
        forget(flow)
        if let target = flow.backend {
            backends[target]?.closed(flow)
            core.flowClosed(flow.id, now: eventLoop.now)
        }
        if flow.server != nil { returns.closed(flow) }
        runActions()
    }

    /// Takes a UDP socket and its local addresses off the books, and what it counted on them.
    func forget(_ flow: DatagramFlow) {
        guard datagrams.removeValue(forKey: flow.id) != nil else { return }
        if flow.peer == nil { faces.remove(flow) }
        counters.add(bytesIn: flow.bytesIn, bytesOut: flow.bytesOut, flow.side)
    }

    /// The host that a socket is connected to says that nobody listens there (TRN-31, TRN-47).
    func datagramRefused(_ flow: DatagramFlow) {
        refused(flow)
        // Of sockets that are connected alike, the kernel tells one of what concerns all.
        for other in datagrams.values where other !== flow && other.peer == flow.peer && other.peer != nil {
            refused(other)
        }
        runActions()
    }

    private func refused(_ flow: DatagramFlow) {
        if flow.server == nil { core.flowClosed(flow.id, now: eventLoop.now) } else { returns.refused(flow) }
    }
}
