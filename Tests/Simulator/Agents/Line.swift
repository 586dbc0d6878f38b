// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One way from an agent to the edge: a connection, or a socket.
class Line {
    let transport: SIPTransport
    /// What stands in Via as sent-by.
    let sentBy: String
    var receive: ((ByteBuffer, Line) -> Void)?

    init(_ transport: SIPTransport, sentBy: String) {
        self.transport = transport
        self.sentBy = sentBy
    }

    var isOpen: Bool { true }
    func send(_ bytes: ByteBuffer) {}
    func close() {}
    func reset() {}

    func forget() { receive = nil }
}

/// A connection, with the framing of the edge itself.
final class StreamLine: Line {
    private let end: StreamEnd
    private var framer = StreamFramer(limits: .none)
    /// What came that is no message.
    var broken: ((String) -> Void)?
    var closed: (() -> Void)?

    init(_ end: StreamEnd, _ transport: SIPTransport, sentBy: String) {
        self.end = end
        super.init(transport, sentBy: sentBy)
        end.onBytes = { [weak self] in self?.take($0) }
        end.onClosed = { [weak self] in self?.closed?() }
    }

    override var isOpen: Bool { end.isOpen }
    override func send(_ bytes: ByteBuffer) { end.send(bytes) }
    override func close() { end.close() }
    override func reset() { end.reset() }

    func stall(until time: NIODeadline) { end.stalledUntil = time }

    override func forget() {
        super.forget()
        broken = nil
        closed = nil
    }

    private func take(_ bytes: ByteBuffer) {
        framer.append(bytes)
        while end.isOpen {
            switch framer.next() {
            case .message(let bytes): receive?(bytes, self)
            case .keepAlive: continue
            case .needMore: return
            case .failed(let error, _):
                broken?("\(error)")
                return
            }
        }
    }
}

final class DatagramLine: Line {
    private let network: Network
    private let local: DatagramAddress
    private let remote: DatagramAddress
    private(set) var isBound = true

    init(_ network: Network, from local: DatagramAddress, to remote: DatagramAddress, sentBy: String) {
        self.network = network
        self.local = local
        self.remote = remote
        super.init(.udp, sentBy: sentBy)
        network.sockets[local] = { [weak self] bytes, _ in
            guard let self else { return }
            self.receive?(bytes, self)
        }
    }

    override var isOpen: Bool { isBound }
    override func send(_ bytes: ByteBuffer) { if isBound { network.send(bytes, from: local, to: remote) } }

    override func close() {
        guard isBound else { return }
        isBound = false
        network.sockets[local] = nil
    }
}
