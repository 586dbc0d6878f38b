// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One local address of a UDP listener that is bound to all of the host's; for the core it is a flow of its own, so that
/// what came to it is answered from it, and requests go back from it (TRN-28).
struct ListenerFace {
    let socket: DatagramFlow
    let local: IPAddress

    func send(_ bytes: ByteBuffer, to remote: DatagramAddress?) {
        guard let remote else { return }
        socket.enqueue(bytes, to: remote, from: local)
    }
}

/// The faces of one worker.
struct ListenerFaces {
    /// Local addresses of one worker's listeners that are told apart; the kernel chooses for what comes to others.
    static let limit = 256

    private struct Key: Hashable {
        let socket: FlowID
        let local: IPAddress
    }

    private var byID: [FlowID: ListenerFace] = [:]
    private var ids: [Key: FlowID] = [:]

    subscript(id: FlowID) -> ListenerFace? { byID[id] }

    /// The flow of a local address, which gets one when it is first seen; that of the socket where it can have none.
    mutating func id(of socket: DatagramFlow, at local: IPAddress, _ makeID: () -> FlowID) -> FlowID {
        let key = Key(socket: socket.id, local: local)
        if let id = ids[key] { return id }
        // By a link-local address alone the kernel does not know the link.
        guard byID.count < Self.limit, !local.isUnsendable, !local.isLinkLocal else { return socket.id }
        let id = makeID()
        ids[key] = id
        byID[id] = ListenerFace(socket: socket, local: local)
        return id
    }

    /// A listener's socket is closed.
    mutating func remove(_ socket: DatagramFlow) {
        for (key, id) in ids where key.socket == socket.id {
            ids[key] = nil
            byID[id] = nil
        }
    }
}

extension Worker {
    /// The flow of what came to one local address of a listener's socket.
    func face(of socket: DatagramFlow, at address: SocketAddress) -> FlowID {
        guard socket.peer == nil, let local = IPAddress(address) else { return socket.id }
        return faces.id(of: socket, at: local, makeFlowID)
    }

    /// A listener's socket and the local address that a flow of it stands for; none for that of the socket itself.
    func listenerSocket(_ id: FlowID) -> (socket: DatagramFlow, local: IPAddress?)? {
        if let flow = datagrams[id] { return (flow, nil) }
        return faces[id].map { ($0.socket, $0.local) }
    }
}
