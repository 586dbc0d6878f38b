// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// One end of a simulated connection: bytes arrive in order, in pieces, late, or never.
final class StreamEnd {
    private unowned let network: Network
    private var peer: StreamEnd?
    /// Whether this end knows of no end of the connection.
    private(set) var isOpen = true
    /// Whether nothing gets through any more; the ends hear of it later.
    private var isBroken = false
    private var lastArrival = Agenda.beginning
    private var onTheWay = 0
    /// The other end reads nothing before this time.
    var stalledUntil = Agenda.beginning

    var onBytes: ((ByteBuffer) -> Void)?
    var onClosed: (() -> Void)?
    var onWritable: (() -> Void)?

    private init(_ network: Network) { self.network = network }

    static func pair(_ network: Network) -> (StreamEnd, StreamEnd) {
        let (near, far) = (StreamEnd(network), StreamEnd(network))
        near.peer = far
        far.peer = near
        return (near, far)
    }

    var isWritable: Bool { onTheWay < network.watermark }

    /// Sends bytes, in as many pieces as chance has it.
    func send(_ bytes: ByteBuffer) {
        guard isOpen else { return }
        var rest = bytes
        let dice = network.dice
        while rest.readableBytes > 0 {
            let isCut = rest.readableBytes > 1 && dice.chance(network.conditions.cut)
            let length = isCut ? dice.number(1...rest.readableBytes - 1) : rest.readableBytes
            guard let piece = rest.readSlice(length: length) else { return }
            deliver(piece)
        }
    }

    private func deliver(_ piece: ByteBuffer) {
        onTheWay += piece.readableBytes
        // What was cut arrives one after another, never together.
        lastArrival = max(lastArrival + .microseconds(1), network.arrival, stalledUntil)
        network.agenda.at(lastArrival) { [self] in
            let wasWritable = isWritable
            onTheWay -= piece.readableBytes
            if !isBroken, let peer, peer.isOpen { peer.onBytes?(piece) }
            if !wasWritable, isWritable, isOpen { onWritable?() }
        }
    }

    /// Closes this end at once, and the other when everything that was sent has arrived.
    func close() {
        guard isOpen else { return }
        isOpen = false
        lastArrival = max(lastArrival, network.arrival, stalledUntil)
        let peer = peer
        network.agenda.at(lastArrival) {
            peer?.end()
            self.forget()
        }
    }

    /// Nothing gets through from now on; both ends hear of it some time later.
    func reset() {
        guard let peer else { return }
        isBroken = true
        peer.isBroken = true
        network.agenda.after(network.dice.time(0, 0.2)) { self.end() }
        network.agenda.after(network.dice.time(0, 0.2)) { peer.end() }
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        onClosed?()
        forget()
    }

    /// Lets go of everything, so that no circle of references is left.
    func forget() {
        isOpen = false
        peer = nil
        onBytes = nil
        onClosed = nil
        onWritable = nil
    }
}
