// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// The sockets by which one worker sends responses to other servers over UDP: one for each server, bound to the
/// listener's address and connected, so that the kernel tells when nobody listens there (RFC 3261 section 18.2.2, TRN-31).
///
/// A listener's own socket hears no ICMP: with IP_RECVERR it would hear that of everybody, and a forged one could close it.
/// When there are too many, the one that has rested longest makes room; who has none because none can be opened gets its
/// responses by the listener's.
final class ReturnSockets {
    /// Servers of one worker that have a socket of their own at a time.
    static let limit = 256
    /// For how long a refusal is taken for that of a response that was sent.
    static let watch = TimeAmount.seconds(2)
    /// Responses that are watched at a time on one socket; the oldest counts as sent when there are more.
    static let watched = 1024
    /// After so long without a response a socket is closed: then no final is repeated any more (RFC 3261 section 17.2.1).
    static let restLimit = TimeAmount.seconds(32)
    /// For how long none is opened after one could not be.
    static let failureHold = TimeAmount.seconds(1)

    private struct Key: Hashable {
        let listener: FlowID
        let server: DatagramAddress
    }

    private final class Socket {
        var flow: DatagramFlow?
        var waiting: [(attempt: AttemptID, bytes: ByteBuffer)] = []
        var watching = Deque<(attempt: AttemptID, since: NIODeadline)>()
        var usedAt: NIODeadline
        let listener: ListenerID

        init(_ listener: ListenerID, usedAt: NIODeadline) {
            self.listener = listener
            self.usedAt = usedAt
        }
    }

    private unowned let worker: Worker
    private var sockets: [Key: Socket] = [:]
    private var failedAt: NIODeadline?

    init(worker: Worker) { self.worker = worker }

    /// Sends a response from the listener that has the flow `listener`; the core hears how that went.
    func send(_ bytes: ByteBuffer, to server: DatagramAddress, from listener: FlowID, attempt: AttemptID) {
        let key = Key(listener: listener, server: server)
        guard let socket = sockets[key] ?? open(key) else { return sendPlainly(bytes, key, attempt) }
        socket.usedAt = worker.eventLoop.now
        guard let flow = socket.flow else {
            guard socket.waiting.count < Self.watched else { return sendPlainly(bytes, key, attempt) }
            return socket.waiting.append((attempt, bytes))
        }
        put(bytes, attempt, on: flow, of: socket)
    }

    /// The host of a server has refused: all that was sent there a moment ago must go elsewhere.
    func refused(_ flow: DatagramFlow) {
        guard let socket = socket(of: flow) else { return }
        var lost = Deque<(attempt: AttemptID, since: NIODeadline)>()
        swap(&lost, &socket.watching)
        let now = worker.eventLoop.now
        for entry in lost {
            if now - entry.since <= Self.watch {
                worker.core.attemptFailed(entry.attempt, .refused, now: now)
            } else {
                settle(entry.attempt, on: flow)
            }
        }
    }

    /// A socket has closed by itself, which only an error makes it do.
    func closed(_ flow: DatagramFlow) {
        refused(flow)
        if let index = sockets.firstIndex(where: { $0.value.flow === flow }) { sockets.remove(at: index) }
    }

    /// The listener is gone, and its address is free.
    func close(from listener: ListenerID) {
        for (key, socket) in sockets where socket.listener == listener { close(socket, key) }
    }

    /// Once a second: what nobody has refused was sent; sockets that rest are closed.
    func keepHouse(now: NIODeadline) {
        for (key, socket) in sockets {
            guard let flow = socket.flow else { continue }
            while let first = socket.watching.first, now - first.since > Self.watch {
                socket.watching.removeFirst()
                settle(first.attempt, on: flow)
            }
            if now - socket.usedAt > Self.restLimit { close(socket, key) }
        }
    }

    // MARK: -

    private func open(_ key: Key) -> Socket? {
        guard let (listener, local) = worker.listenerSocket(key.listener),
            let setup = worker.snapshot.listener(listener.listener)
        else { return nil }
        if let failedAt, worker.eventLoop.now - failedAt < Self.failureHold { return nil }
        if sockets.count >= Self.limit { makeRoom() }
        let socket = Socket(listener.listener, usedAt: worker.eventLoop.now)
        sockets[key] = socket
        let flow = DatagramFlow(
            worker: worker,
            id: worker.makeFlowID(),
            listener: listener.listener,
            server: key.server,
            shared: key.listener,
            limits: worker.snapshot.limits.message
        )
        let source = SocketAddress(local ?? setup.identity.address, port: setup.identity.port)
        let remote = SocketAddress(key.server.address, port: key.server.port)
        worker.open(flow, from: source, to: remote) { [weak self] flow in self?.opened(flow, socket, key) }
        return socket
    }

    private func makeRoom() {
        worker.counters.limits.increment(.responseSockets)
        guard let oldest = sockets.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return }
        close(oldest.value, oldest.key)
    }

    private func opened(_ flow: DatagramFlow?, _ socket: Socket, _ key: Key) {
        if flow == nil { failedAt = worker.eventLoop.now }
        var waiting: [(attempt: AttemptID, bytes: ByteBuffer)] = []
        swap(&waiting, &socket.waiting)
        // The listener may have been closed meanwhile.
        guard let flow, sockets[key] === socket else {
            flow?.close()
            if sockets[key] === socket { sockets[key] = nil }
            for entry in waiting { sendPlainly(entry.bytes, key, entry.attempt) }
            return worker.runActions()
        }
        socket.flow = flow
        for entry in waiting { put(entry.bytes, entry.attempt, on: flow, of: socket) }
    }

    private func put(_ bytes: ByteBuffer, _ attempt: AttemptID, on flow: DatagramFlow, of socket: Socket) {
        flow.enqueue(bytes, to: nil)
        socket.watching.append((attempt, worker.eventLoop.now))
        guard socket.watching.count > Self.watched, let oldest = socket.watching.popFirst() else { return }
        settle(oldest.attempt, on: flow)
    }

    private func sendPlainly(_ bytes: ByteBuffer, _ key: Key, _ attempt: AttemptID) {
        if let flow = worker.datagrams[key.listener] {
            flow.enqueue(bytes, to: key.server)
        } else if let face = worker.faces[key.listener] {
            face.send(bytes, to: key.server)
        } else {
            worker.counters.drops.increment(.deadFlow)
        }
        worker.core.attemptSent(attempt, on: key.listener, now: worker.eventLoop.now)
    }

    private func settle(_ attempt: AttemptID, on flow: DatagramFlow) {
        worker.core.attemptSent(attempt, on: flow.id, now: worker.eventLoop.now)
    }

    private func close(_ socket: Socket, _ key: Key) {
        sockets[key] = nil
        guard let flow = socket.flow else { return }
        for entry in socket.watching { settle(entry.attempt, on: flow) }
        socket.watching.removeAll()
        flow.close()
    }

    private func socket(of flow: DatagramFlow) -> Socket? {
        guard let shared = flow.shared, let server = flow.server else { return nil }
        guard let socket = sockets[Key(listener: shared, server: server)], socket.flow === flow else { return nil }
        return socket
    }
}

@available(*, unavailable)
extension ReturnSockets: Sendable {}
