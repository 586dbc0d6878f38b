// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Datagrams from local addresses of choice", .timeLimit(.minutes(1)))
struct LocatedQueueTests {
    /// A kernel that has room for so many, and what it and its caller had.
    private final class Kernel {
        var room = 0
        var taken: [Int] = []
        var lost: [DropLabel] = []

        func send(_ datagram: LocatedDatagram) -> LocatedDatagram.Outcome {
            guard room > 0 else { return .noRoom }
            room -= 1
            taken.append(datagram.bytes.readableBytes)
            return datagram.bytes.readableBytes > 65_507 ? .lost(.unsendable) : .sent
        }
    }

    private let kernel = Kernel()

    private func datagram(_ size: Int, to port: UInt16 = 9) -> LocatedDatagram {
        let loopback = IPAddress.v4(0x7F00_0001)
        let remote = DatagramAddress(address: loopback, port: port)
        return LocatedDatagram(bytes: ByteBuffer(repeating: 0x61, count: size), remote: remote, local: loopback)
    }

    private func flush(_ queue: inout LocatedQueue, room: Int) {
        kernel.room = room
        queue.flush(kernel.send) { kernel.lost.append($0) }
    }

    @Test("TRN-28: what the kernel has no room for at once waits, and leaves in its order")
    func order() {
        var queue = LocatedQueue()
        for size in 1...5 { queue.append(datagram(size)) }
        flush(&queue, room: 2)
        #expect(kernel.taken == [1, 2] && !queue.isEmpty)
        queue.append(datagram(6))
        flush(&queue, room: 0)
        flush(&queue, room: 9)
        #expect(kernel.taken == [1, 2, 3, 4, 5, 6] && kernel.lost.isEmpty && queue.isEmpty)
    }

    @Test("TRN-28: no more than a number waits; those beyond are lost, and counted")
    func bounded() {
        var queue = LocatedQueue()
        for size in 1...(LocatedQueue.limit + 3) { queue.append(datagram(size)) }
        flush(&queue, room: 0)
        #expect(kernel.lost == [.queueFull, .queueFull, .queueFull])
        flush(&queue, room: .max)
        #expect(kernel.taken == Array(1...LocatedQueue.limit) && queue.isEmpty)
    }

    @Test("What can never leave holds up nothing, and what waits at a socket that closes is lost: each by its reason")
    func lost() {
        var queue = LocatedQueue()
        for size in [1, 65_508, 2, 3] { queue.append(datagram(size)) }
        flush(&queue, room: 3)
        #expect(kernel.taken == [1, 65_508, 2] && kernel.lost == [.unsendable])
        queue.abandon { kernel.lost.append($0) }
        #expect(kernel.lost == [.unsendable, .deadFlow] && queue.isEmpty)
    }

    @Test(
        "Only a full buffer is worth waiting for",
        arguments: [
            (0, .sent), (EAGAIN, .noRoom), (ENOBUFS, .lost(.queueFull)), (EBADF, .lost(.deadFlow)),
            (EMSGSIZE, .lost(.unsendable)), (EPERM, .lost(.unsendable)),
        ] as [(CInt, LocatedDatagram.Outcome)]
    )
    func errors(error: CInt, outcome: LocatedDatagram.Outcome) {
        #expect(LocatedDatagram.outcome(of: error) == outcome)
    }

    @Test("The kernel's own words: too large for a datagram, and a socket that is closed")
    func kernelErrors() {
        let handle = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        #expect(datagram(65_508).send(on: handle) == .lost(.unsendable))
        #expect(datagram(65_507).send(on: handle) == .sent)
        close(handle)
        #expect(datagram(1).send(on: -1) == .lost(.deadFlow))
    }

    @Test("TRN-28: a response for which the kernel had no room is sent a moment later")
    func again() async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            at: .v4(0)
        )
        try await bench.edge.workers[0].submit { worker in
            for flow in worker.listenerDatagrams.values {
                var tries = 0
                flow.sendLocated = { socket, datagram in
                    tries += 1
                    return tries < 4 ? .noRoom : datagram.send(on: socket)
                }
            }
        }.get()
        try await peer.send(Wire.options("again").replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP"), to: bench.port)
        #expect(await peer.wait(for: "SIP/2.0 200"))
        #expect(try await bench.count { $0.drops.total } == 0)
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }
}
