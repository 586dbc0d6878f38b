// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import Testing

@testable import EdgeRuntime

@Suite("Datagrams")
struct DatagramTests {
    private static let target = BackendTarget(endpoint: EmbeddedWorker.udpBackend, pool: nil)

    private let loop = EmbeddedEventLoop()
    private let channel: EmbeddedChannel
    private let worker: Worker

    init() {
        channel = EmbeddedChannel(loop: loop)
        worker = EmbeddedWorker(on: loop).worker
    }

    /// A socket to the backend, or a listener's.
    private func open(backend: BackendTarget? = nil) throws -> DatagramFlow {
        let flow = DatagramFlow(
            worker: worker,
            id: worker.makeFlowID(),
            listener: ListenerID(index: 0),
            backend: backend,
            limits: MessageLimits()
        )
        worker.datagrams[flow.id] = flow
        try channel.pipeline.syncOperations.addHandler(flow)
        return flow
    }

    private func receive(_ text: String, from address: String, _ port: Int) throws {
        let source = try SocketAddress(ipAddress: address, port: port)
        let envelope = AddressedEnvelope(remoteAddress: source, data: ByteBuffer(string: text))
        channel.pipeline.fireChannelRead(envelope)
        loop.run()
    }

    private func sent() throws -> AddressedEnvelope<ByteBuffer>? {
        try channel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self)
    }

    @Test(
        "TRN-47: on a backend's socket only the backend is heard; what others sent before it was connected is dropped"
    )
    func foreignSource() throws {
        let flow = try open(backend: Self.target)
        let answer = "SIP/2.0 200 OK\r\n\r\n"
        for (address, port) in [("192.0.2.66", 5060), ("192.0.2.1", 5061)] { try receive(answer, from: address, port) }
        #expect(worker.counters.drops[.foreignSource] == 2 && worker.counters.malformed.total == 0)
        try receive(answer, from: "192.0.2.1", 5060)
        #expect(worker.counters.drops[.foreignSource] == 2 && worker.counters.malformed.total == 1)
        #expect(flow.bytesIn == 3 * UInt64(answer.utf8.count))
    }

    @Test("What leaves on a backend's socket goes to the backend: the kernel knows no other way there")
    func connected() throws {
        let flow = try open(backend: Self.target)
        flow.enqueue(ByteBuffer(string: "x"), to: DatagramAddress(address: .v4(0xC000_0201), port: 9999))
        flow.flush()
        #expect(try sent()?.remoteAddress == SocketAddress(ipAddress: "192.0.2.1", port: 5060))
    }

    @Test("TRN-31: what comes to the socket of responses is the listener's, whose flow outlives it")
    func responses() throws {
        let listener = try open()
        worker.listenerDatagrams[listener.listener] = listener
        let server = DatagramAddress(address: .v4(0xC000_0209), port: 5060)
        let flow = DatagramFlow(
            worker: worker,
            id: worker.makeFlowID(),
            listener: listener.listener,
            server: server,
            limits: MessageLimits()
        )
        let context = worker.datagramContext(of: flow, nil, from: server)
        #expect(context.id == listener.id && context.side == .client && context.remotePort == 5060)
    }

    @Test("TRN-28: the local addresses of a listener's socket go with it, even when it closes by itself")
    func faces() throws {
        let listener = try open()
        let face = worker.face(of: listener, at: try SocketAddress(ipAddress: "192.0.2.5", port: 5060))
        #expect(face != listener.id && worker.listenerSocket(face)?.socket === listener)
        channel.pipeline.fireChannelInactive()
        #expect(worker.listenerSocket(face) == nil && worker.listenerSocket(listener.id) == nil)
    }

    @Test("MSG-10, FLW-31: a datagram of CR, LF and NUL alone is swallowed; the shortest of anything else is malformed")
    func keepAlive() throws {
        _ = try open(backend: nil)
        for text in ["\r\n\r\n", "\0", "\0\0\0\0\0\0\0\0", "\r\n\r\n\r\n\0", ""] {
            try receive(text, from: "192.0.2.9", 9)
        }
        #expect(worker.counters.drops[.keepAlive] == 5 && worker.counters.malformed.total == 0)
        try receive("x", from: "192.0.2.9", 9)
        #expect(worker.counters.drops[.keepAlive] == 5 && worker.counters.malformed.total == 1)
        #expect(try sent() == nil)
    }

    @Test("TRN-16: a broken datagram is answered to its source, by rport")
    func malformed() throws {
        _ = try open(backend: nil)
        let text = "OPTIONS sip:a@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;rport;branch=z9hG4bK1\r\n\r\n"
        try receive(text, from: "192.0.2.9", 4321)
        let answer = try sent()
        #expect(answer?.remoteAddress == (try SocketAddress(ipAddress: "192.0.2.9", port: 4321)))
        let expected =
            "SIP/2.0 400 Missing From\r\nVia: SIP/2.0/UDP 10.0.0.9;rport=4321;branch=z9hG4bK1;received=192.0.2.9\r\n"
        #expect(answer.map { String(buffer: $0.data).hasPrefix(expected) } == true)
    }
}
