// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension TLSHandler {
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var plaintext = self.unwrapOutboundIn(data)
        switch self.state {
        case .idle, .handshaking:
            if let promise { self.promises.append(promise) }
            self.collect(&plaintext)
        case .established:
            if let promise { self.promises.append(promise) }
            if self.waiting.readableBytes &+ plaintext.readableBytes > Self.collectLimit {
                guard let records = self.takeRecords(context) else { return }
                self.records = records
            }
            self.collect(&plaintext)
        case .outputClosed, .closing, .closed:
            promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    package func flush(context: ChannelHandlerContext) {
        switch self.state {
        case .idle, .handshaking:
            self.mustFlush = true
        case .established:
            guard let records = self.takeRecords(context) else { return }
            let promise = self.takePromise()
            if records.readableBytes > 0 {
                context.writeAndFlush(self.wrapOutboundOut(records), promise: promise)
            } else {
                promise?.succeed()
                context.flush()
            }
        case .outputClosed, .closing, .closed:
            context.flush()
        }
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (self.state, mode) {
        case (.established, .output), (.established, .all):
            self.sayFarewell(context, mode: mode, promise: promise)
        case (.closing, _), (_, .input), (_, .output):
            context.close(mode: mode, promise: promise)
        case (_, .all):
            // Nothing was agreed on, or all is said.
            self.finish(with: ChannelError.ioOnClosedChannel)
            context.close(mode: mode, promise: promise)
        }
    }

    /// Sends the close_notify, and closes once it is on its way, so that the end does not overtake it.
    private func sayFarewell(_ context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.state = mode == .output ? .outputClosed : .closing
        var farewell = self.records
        self.records = ByteBuffer()
        self.waiting = ByteBuffer()
        self.connection?.close(into: &farewell)
        self.failPromises()
        // A peer that does not read holds the alert up, but not for longer than a handshake may take.
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let limit = context.eventLoop.scheduleTask(in: self.handshakeDeadline) {
            loopBound.value.close(mode: .all, promise: nil)
        }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            limit.cancel()
            context.close(mode: mode, promise: promise)
        }
        self.send(farewell, promise: sent, context)
    }

    /// Puts plaintext to what waits; a single write is not copied.
    private func collect(_ plaintext: inout ByteBuffer) {
        if self.waiting.readableBytes == 0 {
            self.waiting = plaintext
        } else {
            self.waiting.writeBuffer(&plaintext)
        }
    }

    /// Takes all records that wait for a flush, with what waits made into some; nil when that failed and the channel
    /// closes.
    private func takeRecords(_ context: ChannelHandlerContext) -> ByteBuffer? {
        var records = self.records
        self.records = ByteBuffer()
        let plaintext = self.waiting
        guard plaintext.readableBytes > 0, let connection = self.connection else { return records }
        self.waiting = ByteBuffer()
        let result = connection.write(plaintext, into: &records)
        if case .ended(.failed(let errors)) = result {
            self.fail(connection.failure(errors), context)
            return nil
        }
        return records
    }

    /// One promise for all that leave together; nil when nobody asked.
    private func takePromise() -> EventLoopPromise<Void>? {
        guard let first = self.promises.first else { return nil }
        let others = self.promises.dropFirst()
        for promise in others { first.futureResult.cascade(to: promise) }
        self.promises = []
        return first
    }

    private func failPromises() {
        let promises = self.promises
        self.promises = []
        for promise in promises { promise.fail(ChannelError.ioOnClosedChannel) }
    }
}
