// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPProxy

/// What the data plane asks of the control plane and tells it; every one returns at once.
package struct WorkerHooks: Sendable {
    /// Resolves a next hop that is a name, and calls back on the given loop.
    package let resolve: @Sendable (NextHopName, any EventLoop, @escaping @Sendable (ResolutionOutcome) -> Void) -> Void
    /// Takes what a worker has learnt of backends by sending to them.
    package let observed: @Sendable ([BackendObservation]) -> Void
    /// Logs a request that has ended.
    package let logRequest: @Sendable (RequestSummary) -> Void
    /// Logs something about a connection: a short message and its details.
    package let logConnection: @Sendable (_ message: String, _ details: [(String, String)]) -> Void

    package init(
        resolve:
            @escaping @Sendable (NextHopName, any EventLoop, @escaping @Sendable (ResolutionOutcome) -> Void) -> Void,
        observed: @escaping @Sendable ([BackendObservation]) -> Void,
        logRequest: @escaping @Sendable (RequestSummary) -> Void,
        logConnection: @escaping @Sendable (String, [(String, String)]) -> Void
    ) {
        self.resolve = resolve
        self.observed = observed
        self.logRequest = logRequest
        self.logConnection = logConnection
    }
}
