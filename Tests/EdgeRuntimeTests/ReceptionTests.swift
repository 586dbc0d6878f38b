// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("How long a message may take to come, in virtual time (TRN-05)")
struct ReceptionTests {
    private let loop = EmbeddedEventLoop()

    private func client() throws -> (Worker, StreamFlow, EmbeddedChannel) {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        let listener = try #require(worker.snapshot.listeners.first).identity
        let context = worker.clientContext(listener, worker.makeFlowID(), address: .v4(0xCB00_7107), port: 51000)
        let flow = StreamFlow(worker: worker, context: context, usesTLS: false, limits: MessageLimits(), now: loop.now)
        worker.streams[context.id] = flow
        let channel = EmbeddedChannel(handler: flow, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
        return (worker, flow, channel)
    }

    private func send(_ text: some StringProtocol, on channel: EmbeddedChannel) throws {
        try channel.writeInbound(ByteBuffer(string: String(text)))
        loop.run()
    }

    @Test("TRN-05: one byte every 5 s: closed 10 s after the first byte, to the millisecond, and not before")
    func drip() throws {
        let (worker, _, channel) = try client()
        loop.advanceTime(by: .milliseconds(777))
        let text = Wire.options("drip")
        for byte in text.prefix(2) {
            try send("\(byte)", on: channel)
            loop.advanceTime(by: .milliseconds(4999))
        }
        loop.advanceTime(by: .milliseconds(1))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive && worker.counters.limits[.messageTimeout] == 1)
    }

    @Test("TRN-05: a body has 10 s of its own from the end of the headers, and a second for each 64 KiB")
    func body() throws {
        let (worker, _, channel) = try client()
        let text = Wire.request("MESSAGE", "b", body: String(repeating: "x", count: 32 << 10))
        let end = try #require(text.ranges(of: "\r\n\r\n").first).upperBound
        try send(text[..<end].dropLast(), on: channel)
        loop.advanceTime(by: .seconds(9))
        try send("\r\n", on: channel)
        // Bytes of the body buy nothing.
        for second in 1...10 {
            loop.advanceTime(by: .seconds(1))
            if second.isMultiple(of: 3) { try send("x", on: channel) }
        }
        loop.advanceTime(by: .milliseconds(499))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive && worker.counters.limits[.messageTimeout] == 1)
    }

    @Test("MSG-T15: a body that does not come in full is waited for until its own deadline, and nothing is forwarded")
    func shortBody() throws {
        let (worker, _, channel) = try client()
        let text = String(buffer: try Vectors.named("clerr").bytes)
        #expect(text.contains("Content-Length: 9999\r\n"))
        let end = try #require(text.ranges(of: "\r\n\r\n").first).upperBound
        try send(text[..<end].dropLast(), on: channel)
        loop.advanceTime(by: .seconds(9))
        try send(text[text.index(before: end)...], on: channel)
        // Ten seconds, and 9,999 of 65,536 parts of one more.
        loop.advanceTime(by: .milliseconds(10_152))
        #expect(channel.isActive && worker.counters.limits[.messageTimeout] == 0)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive && worker.counters.limits[.messageTimeout] == 1)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil && worker.core.transactionCount == 0)
    }

    @Test("TRN-05: each message has its time, whole ones cost none, and pings between them neither")
    func each() throws {
        let (worker, _, channel) = try client()
        let text = Wire.options("each").replacing("Max-Forwards: 70", with: "Max-Forwards: 0")
        for _ in 0..<6 {
            try send(text.prefix(100), on: channel)
            loop.advanceTime(by: .seconds(9))
            try send(text.dropFirst(100) + "\r\n", on: channel)
            loop.advanceTime(by: .seconds(9))
        }
        #expect(channel.isActive && worker.counters.limits[.messageTimeout] == 0)
        try send(text + text.prefix(1), on: channel)
        loop.advanceTime(by: .milliseconds(9_999))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test("TRN-05: no time passes while the edge itself does not read")
    func stopped() throws {
        let (worker, _, channel) = try client()
        try send(Wire.options("stop").prefix(50), on: channel)
        loop.advanceTime(by: .seconds(6))
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        loop.advanceTime(by: .seconds(60))
        #expect(channel.isActive)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        loop.advanceTime(by: .milliseconds(3_999))
        #expect(channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive && worker.counters.limits[.messageTimeout] == 1)
    }

    @Test("TRN-05: a larger body has the more time, and one that is small no less than the headers")
    func clock() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        for (bytes, seconds) in [(0, 10.0), (32 << 10, 10.5), (64 << 10, 11), (256 << 10, 14), (16 << 20, 266)] {
            var clock = ReceptionClock()
            clock.awaits(body: nil, now: start, limit: .seconds(10))
            #expect(clock.due == start + .seconds(10))
            clock.awaits(body: bytes, now: start + .seconds(8), limit: .seconds(10))
            clock.awaits(body: bytes, now: start + .seconds(9), limit: .seconds(10))
            #expect(clock.due == start + .seconds(8) + .milliseconds(Int64(seconds * 1000)), "\(bytes)")
        }
    }
}
