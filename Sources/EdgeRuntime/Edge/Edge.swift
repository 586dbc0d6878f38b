// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix
internal import SIPMessage
package import SIPProxy

/// The data plane: one worker a loop, and the listeners.
///
/// A new snapshot is adopted whole. Listeners that it adds are bound first, on every worker, and start to accept only
/// when the snapshot is adopted; if one cannot be bound nothing changes.
package actor Edge {
    /// A listener could not be opened.
    package struct BindFailure: Error, CustomStringConvertible {
        package let listener: String
        package let address: String
        package let reason: String

        package var description: String {
            "listener \(listener): cannot bind \(address): \(reason)"
        }
    }

    private let group: MultiThreadedEventLoopGroup
    let workers: [WorkerHandle]
    private let limiter: ConnectionLimiter
    private var opened: [ListenerID: ListenerIdentity] = [:]
    private var ports: [ListenerID: UInt16] = [:]
    /// The adoption that was asked for last; the next waits for it, so that listeners are opened once.
    private var adoption: Task<Void, any Error>?
    private var generation: UInt64 = 0

    /// Starts `workers` workers, which listen nowhere yet.
    package init(workers count: Int, snapshot: EdgeSnapshot, hooks: WorkerHooks) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        let limiter = ConnectionLimiter()
        let base = UInt64.random(in: 0...0x7FFF_FFFF_FFFF)
        var handles: [WorkerHandle] = []
        for (index, loop) in group.makeIterator().enumerated() {
            let handle = loop.submit {
                WorkerHandle(
                    Worker(
                        index: WorkerIndex(truncatingIfNeeded: index),
                        eventLoop: loop,
                        snapshot: snapshot,
                        serialBase: base,
                        limiter: limiter,
                        hooks: hooks
                    )
                )
            }
            handles.append(try await handle.get())
        }
        self.limiter = limiter
        workers = handles
        for handle in handles { try await handle.submit { [handles] in $0.siblings = handles }.get() }
    }

    /// Client connections that are open now.
    package nonisolated var connections: Int { limiter.total }

    /// The number of workers.
    package nonisolated var workerCount: Int { workers.count }

    /// Makes every worker work by `snapshot`, opening and closing listeners as it says.
    ///
    /// Snapshots are adopted one after the other; one that is older than what already runs is passed over.
    ///
    /// - Throws: `BindFailure`; then the snapshot before goes on.
    package func adopt(_ snapshot: EdgeSnapshot) async throws {
        let before = adoption
        let task = Task {
            _ = await before?.result
            try await self.carryOut(snapshot)
        }
        adoption = task
        try await task.value
    }

    private func carryOut(_ snapshot: EdgeSnapshot) async throws {
        guard snapshot.proxy.generation > generation else { return }
        let wanted = snapshot.listeners.map(\.identity)
        let added = wanted.filter { opened[$0.id] == nil }
        let removed = opened.keys.filter { id in !wanted.contains { $0.id == id } }
        var bound: [ListenerID] = []
        do {
            for identity in added {
                bound.append(identity.id)
                try await open(identity, limits: snapshot.limits)
            }
        } catch {
            for id in bound { await close(id) }
            throw error
        }
        for worker in workers { try await worker.adopt(snapshot).get() }
        generation = snapshot.proxy.generation
        for identity in added {
            opened[identity.id] = identity
            for worker in workers { try await worker.flatSubmit { $0.startAccepting(identity.id) }.get() }
        }
        for id in removed {
            opened[id] = nil
            await close(id)
        }
    }

    /// The port that a listener is bound to; differs from the configured one when that is 0.
    package func port(of listener: ListenerID) -> UInt16? { ports[listener] }

    /// The numbers of every worker.
    package func statistics() async throws -> [WorkerStatistics] {
        var all: [WorkerStatistics] = []
        for worker in workers { all.append(try await worker.statistics().get()) }
        return all
    }

    /// Stops accepting and takes no new dialogs; returns when every request has its final and what may follow one has had its
    /// time, when `limit` has passed, or when the task is cancelled.
    ///
    /// - Returns: how many requests have no final.
    @discardableResult
    package func drain(within limit: Duration) async throws -> Int {
        // Before the listeners: who is turned away there finds no worker that still takes calls on other connections.
        for worker in workers { try await worker.submit { $0.quiesce() }.get() }
        for id in opened.keys where opened[id]?.transport != .udp { await close(id) }
        let end = ContinuousClock.now + limit
        while true {
            let work = try await remainingWork()
            if work.isDone || ContinuousClock.now >= end || Task.isCancelled { return work.unanswered }
            // Cancelled, it looks once more and returns.
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    private func remainingWork() async throws -> RemainingWork {
        var work = RemainingWork()
        for worker in workers { work = work + (try await worker.remainingWork().get()) }
        return work
    }

    /// Closes everything and ends the loops.
    package func shutDown() async throws {
        for worker in workers { try await worker.submit { $0.shutDown() }.get() }
        try await group.shutdownGracefully()
    }

    private func open(_ identity: ListenerIdentity, limits: EdgeLimits) async throws {
        var port = identity.port
        let isOwn = opened.values.contains { $0.sharesAddress(with: identity) }
        for (index, worker) in workers.enumerated() {
            do {
                let bindPort = port
                if index == 0, port != 0, !isOwn {
                    let address = SocketAddress(identity.address, port: port)
                    let isStream = identity.transport != .udp
                    try await ListenerSocket.probe(on: group.any(), address: address, isStream: isStream).get()
                }
                port = try await worker.flatSubmit { $0.open(identity, port: bindPort, limits: limits) }.get()
            } catch {
                throw BindFailure(
                    listener: identity.name,
                    address: "\(identity.address.hostText):\(port)",
                    reason: BindAdvice.words(for: error)
                )
            }
        }
        ports[identity.id] = port
    }

    private func close(_ id: ListenerID) async {
        ports[id] = nil
        for worker in workers { try? await worker.submit { $0.closeListener(id) }.get() }
    }
}

extension ListenerIdentity {
    /// Whether both bind the same address and port with the same kind of socket.
    fileprivate func sharesAddress(with other: ListenerIdentity) -> Bool {
        address == other.address && port == other.port && (transport == .udp) == (other.transport == .udp)
    }
}
