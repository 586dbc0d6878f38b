// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// How the network is at the moment; chances are of a hundred.
struct Conditions {
    /// Datagrams between clients and the edge that are lost.
    var clientLoss = 0.0
    /// The same between the edge and backends.
    var backendLoss = 0.0
    var duplication = 0.0
    /// Writes to a connection that arrive in pieces.
    var cut = 5.0
    var shortestDelay = 0.000_2
    var longestDelay = 0.02
}

/// Carries datagrams and connections between hosts.
final class Network {
    typealias Socket = (_ bytes: ByteBuffer, _ from: DatagramAddress) -> Void

    let agenda: Agenda
    let dice: Dice
    var conditions = Conditions()
    /// Bytes that are on their way over a connection, above which no more should be written.
    let watermark: Int
    /// What listens where.
    var sockets: [DatagramAddress: Socket] = [:]
    /// Who accepts connections where.
    var listeners: [Endpoint: (StreamEnd, DatagramAddress) -> Void] = [:]
    /// Where connections are neither accepted nor refused.
    var silent: Set<Endpoint> = []
    /// The edge hears of a datagram that nobody took.
    var refused: (DatagramAddress) -> Void = { _ in }
    /// A datagram was lost, to or from a backend or a client.
    var lost: (_ backend: DatagramAddress?, ByteBuffer) -> Void = { _, _ in }
    private(set) var lossCount = 0
    private(set) var duplicateCount = 0
    private var ends: [StreamEnd] = []

    init(_ agenda: Agenda, _ dice: Dice, watermark: Int) {
        self.watermark = watermark
        self.agenda = agenda
        self.dice = dice
    }

    var arrival: NIODeadline { agenda.now + dice.time(conditions.shortestDelay, conditions.longestDelay) }

    // MARK: Datagrams

    func send(_ bytes: ByteBuffer, from source: DatagramAddress, to target: DatagramAddress) {
        let backend = [source, target].first { Addresses.isBackend($0.address) }
        if dice.chance(backend == nil ? conditions.clientLoss : conditions.backendLoss) {
            lossCount += 1
            lost(backend, bytes)
            return
        }
        deliver(bytes, from: source, to: target)
        if dice.chance(conditions.duplication) {
            duplicateCount += 1
            deliver(bytes, from: source, to: target)
        }
    }

    private func deliver(_ bytes: ByteBuffer, from source: DatagramAddress, to target: DatagramAddress) {
        agenda.at(arrival) { [self] in
            if let socket = sockets[target] { return socket(bytes, source) }
            guard Addresses.isEdge(source.address) else { return }
            agenda.at(arrival) { self.refused(target) }
        }
    }

    // MARK: Connections

    /// Opens a connection; `done` gets this end of it, or nil when it was refused, and hears nothing where nobody
    /// answers at all.
    func connect(from source: DatagramAddress, to target: Endpoint, _ done: @escaping (StreamEnd?) -> Void) {
        // A TLS handshake goes there and back once more.
        let there = arrival
        let back = arrival + (there - agenda.now) + (target.transport.isSecure ? arrival - agenda.now : .zero)
        agenda.at(there) { [self] in
            guard !silent.contains(target) else { return }
            guard let accept = listeners[target] else {
                agenda.at(back) { done(nil) }
                return
            }
            let (near, far) = StreamEnd.pair(self)
            ends.append(near)
            ends.append(far)
            if ends.count > 256 { ends.removeAll { !$0.isOpen } }
            accept(far, source)
            agenda.at(back) {
                // It may have gone again meanwhile.
                done(near.isOpen ? near : nil)
            }
        }
    }

    func forget() {
        for end in ends { end.forget() }
        ends = []
        sockets = [:]
        listeners = [:]
        refused = { _ in }
        lost = { _, _ in }
    }
}
