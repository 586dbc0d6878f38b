// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One connection of the edge, as `StreamFlow` of the runtime treats it.
final class EdgeStream {
    enum Phase {
        case opening, ready, closed
    }

    let context: FlowContext
    private(set) var phase = Phase.opening
    /// Whether it was given up while it was being opened.
    private(set) var isAbandoned = false
    private unowned let edge: Edge
    private var end: StreamEnd?
    private var framer = StreamFramer(limits: MessageLimits())
    private var outgoing = ByteBuffer()
    private var isDirty = false

    init(_ edge: Edge, _ context: FlowContext) {
        self.edge = edge
        self.context = context
    }

    var isWritable: Bool { end?.isWritable ?? false }
    var pendingBytes: Int { outgoing.readableBytes }

    func open(_ end: StreamEnd) {
        self.end = end
        phase = .ready
        end.onBytes = { [unowned self] in receive($0) }
        end.onClosed = { [unowned self] in closed() }
        end.onWritable = { [unowned self] in edge.writable(self) }
        edge.ready(self)
    }

    func enqueue(_ message: ByteBuffer) {
        guard phase == .ready else { return }
        outgoing.writeImmutableBuffer(message)
        guard !isDirty else { return }
        isDirty = true
        // Flushed at the end of the tick.
        edge.agenda.after(.zero) { self.flush() }
    }

    func flush() {
        isDirty = false
        guard outgoing.readableBytes > 0 else { return }
        end?.send(outgoing)
        outgoing = ByteBuffer()
    }

    func close() {
        guard phase == .ready else { return }
        flush()
        end?.close()
        closed()
    }

    func abandon() {
        isAbandoned = true
        phase = .closed
    }

    /// Breaks the connection, as a network does.
    func reset() { end?.reset() }

    func stall(until time: NIODeadline) { end?.stalledUntil = time }

    private func closed() {
        guard phase != .closed else { return }
        phase = .closed
        edge.closed(self, wasReady: true)
        end = nil
    }

    private func receive(_ bytes: ByteBuffer) {
        framer.append(bytes)
        while phase == .ready {
            switch framer.next() {
            case .message(let bytes): take(bytes)
            case .keepAlive: enqueue(ByteBuffer(string: "\r\n"))
            case .needMore: return
            case .failed(let error, let head):
                if let head, let malformed = MessageParser.reject(head, for: error, limits: MessageLimits()) {
                    edge.core.receiveMalformed(malformed, on: context, now: edge.agenda.now)
                    edge.runActions()
                }
                return close()
            }
        }
    }

    private func take(_ bytes: ByteBuffer) {
        switch MessageParser.parse(bytes, framing: .stream, limits: MessageLimits()) {
        case .message(let message): edge.received(message, on: context)
        case .malformed(let malformed):
            edge.core.receiveMalformed(malformed, on: context, now: edge.agenda.now)
            edge.runActions()
        }
    }
}
