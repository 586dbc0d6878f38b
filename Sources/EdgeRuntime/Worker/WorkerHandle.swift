// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import SIPMessage
internal import SIPProxy

/// How everybody else speaks to a worker: a few verbs, each a hop to its loop, with immutable values only.
package struct WorkerHandle: Sendable {
    package let eventLoop: any EventLoop
    private let worker: NIOLoopBound<Worker>

    init(_ worker: Worker) {
        eventLoop = worker.eventLoop
        self.worker = NIOLoopBound(worker, eventLoop: worker.eventLoop)
    }

    /// Gives the worker a new snapshot to work by.
    package func adopt(_ snapshot: EdgeSnapshot) -> EventLoopFuture<Void> {
        submit { $0.adopt(snapshot) }
    }

    /// Hands over a message that belongs to one of the worker's transactions.
    func deliver(_ message: SIPMessage, on context: FlowContext) {
        execute { $0.received(message, on: context, now: $0.eventLoop.now) }
    }

    /// Sends a request on one of the worker's flows and tells `origin` how that went.
    func send(
        _ bytes: ByteBuffer,
        on id: FlowID,
        datagram: DatagramAddress?,
        attempt: AttemptID?,
        for origin: WorkerHandle
    ) {
        execute { worker in
            let failure = worker.sendHere(bytes, on: id, datagram: datagram)
            guard let attempt else { return worker.countLost(failure) }
            origin.execute { asking in
                let now = asking.eventLoop.now
                if let failure {
                    asking.core.attemptFailed(attempt, failure, now: now)
                } else {
                    asking.core.attemptSent(attempt, on: id, now: now)
                }
                asking.runActions()
            }
        }
    }

    /// Tells that another worker has banned a source.
    func ban(_ source: IPAddress, until end: NIODeadline) {
        execute { $0.sources?.ban(source, until: end, now: $0.eventLoop.now) }
    }

    /// Tells what clients are asked to hold back for another worker's sake.
    func report(_ percent: UInt32, of other: WorkerIndex) {
        execute { $0.hear(percent, from: other) }
    }

    /// The worker's numbers now.
    package func statistics() -> EventLoopFuture<WorkerStatistics> {
        submit { $0.statistics }
    }

    /// What the worker still has to do before it may end.
    func remainingWork() -> EventLoopFuture<RemainingWork> {
        submit { $0.core.remainingWork(now: $0.eventLoop.now) }
    }

    /// Runs `body` on the worker's loop.
    func submit<Result: Sendable>(_ body: @escaping @Sendable (Worker) -> Result) -> EventLoopFuture<Result> {
        let worker = worker
        return eventLoop.submit { body(worker.value) }
    }

    func flatSubmit<Result: Sendable>(
        _ body: @escaping @Sendable (Worker) -> EventLoopFuture<Result>
    ) -> EventLoopFuture<Result> {
        let worker = worker
        return eventLoop.flatSubmit { body(worker.value) }
    }

    private func execute(_ body: @escaping @Sendable (Worker) -> Void) {
        let worker = worker
        eventLoop.execute { body(worker.value) }
    }
}
