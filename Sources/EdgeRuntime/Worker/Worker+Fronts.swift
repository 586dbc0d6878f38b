// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import ProxyProtocol
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// Connections from load balancers in front, which say first whose they are.
extension Worker {
    /// Waits for the header, and takes the connection for that of whom it names (TRN-69).
    func awaitHeader(
        _ channel: any Channel,
        _ setup: ListenerSetup,
        _ policy: ProxyProtocolPolicy,
        from front: ProxyHeader.Source
    ) -> EventLoopFuture<Void> {
        let id = setup.identity.id
        let key = ObjectIdentifier(channel)
        fronts[key] = (id, channel)
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.fronts[key] = nil }
        let handler = ProxyHeaderHandler(
            policy.versions,
            within: snapshot.limits.proxyHeaderTimeout,
            accept: { [weak self] header in
                // The listener may have been closed or changed meanwhile; what holds now, holds for this one too.
                guard let self, self.fronts.removeValue(forKey: key) != nil, let setup = self.snapshot.listener(id)
                else { return channel.close(promise: nil) }
                do {
                    try self.admit(channel, setup, header.source ?? front, front: header.source.map { _ in front })
                } catch {
                    channel.close(promise: nil)
                }
            },
            refuse: { [weak self] failure in self?.headerFailed(failure, id, front) }
        )
        return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler) }
    }

    /// The listener is closed, to drain or for good: who has not said whose a connection is, comes too late.
    func closeFronts(of listener: ListenerID) {
        let late = fronts.filter { $0.value.listener == listener }
        for (key, front) in late {
            fronts[key] = nil
            front.channel.close(promise: nil)
        }
    }

    private func headerFailed(_ failure: ProxyHeaderHandler.Failure, _ id: ListenerID, _ front: ProxyHeader.Source) {
        let reason: String
        switch failure {
        case .invalid(let fault):
            reason = fault.rawValue
            counters.refusals.increment(Int(id.index), .proxyHeader)
        case .timeout:
            reason = "timeout"
            counters.refusals.increment(Int(id.index), .proxyHeaderTimeout)
            counters.limits.increment(.proxyHeaderTimeout)
        }
        hooks.logConnection(
            "no PROXY protocol header",
            [
                ("peer", "\(front.address.hostText):\(front.port)"),
                ("listener", snapshot.listener(id)?.identity.name ?? ""), ("reason", reason),
            ]
        )
    }
}
