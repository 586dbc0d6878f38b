// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPProxy

/// What one worker knows of the requests with a Call-ID, and how far back it remembers.
package struct WorkerExplanation: Sendable {
    package let worker: WorkerIndex
    package let requests: [RequestExplanation]
    package let reach: RequestMemoryReach

    package init(worker: WorkerIndex, requests: [RequestExplanation], reach: RequestMemoryReach) {
        self.worker = worker
        self.requests = requests
        self.reach = reach
    }
}

extension WorkerHandle {
    /// Why the requests with a Call-ID went where they went, as far as this worker has dealt with them.
    package func explain(callID: ByteBuffer) -> EventLoopFuture<WorkerExplanation> {
        submit { worker in
            WorkerExplanation(
                worker: worker.index,
                requests: worker.core.explain(callID: callID),
                reach: worker.core.memoryReach
            )
        }
    }
}

extension Edge {
    /// The same of every worker: the requests of a call may have come to several.
    package func explain(callID: ByteBuffer) async throws -> [WorkerExplanation] {
        var all: [WorkerExplanation] = []
        for worker in workers { all.append(try await worker.explain(callID: callID).get()) }
        return all
    }
}
