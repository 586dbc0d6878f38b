// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Overload control towards clients (RFC 7339): what they are told in the Via that they wrote (OVL-15).
extension ProxyCore {
    /// Per cent of their requests that clients are asked to hold back for what is turned away by this worker.
    package var ownReportedPercent: UInt32 { reporter.ownPercent }

    /// Per cent of their requests that clients are asked to hold back.
    package var reportedPercent: UInt32 { reporter.percent }

    /// Takes the most that another worker asks for.
    package func reportOthers(_ percent: UInt32) { reporter.othersPercent = percent }

    /// What the response to a request says of overload; nil where its client is told nothing.
    func feedback(to request: SIPMessage, on flow: FlowContext) -> OverloadFeedback? {
        takesPart(request, flow) ? reporter.feedback(now: latest) : nil
    }

    /// Whether the client of a request takes part in overload control, and may: on listeners that say so alone, for others
    /// need not know how the edge fares (OVL-16, RFC 7339 section 5.2).
    func takesPart(_ request: SIPMessage, _ flow: FlowContext) -> Bool {
        // Nearly every request ends here, without being read again.
        guard request.topmostVia.hasOverload, flow.side == .client,
            let listener = box.listeners[flow.listener], listener.identity.controlsOverload
        else { return false }
        return OverloadParameters(request.topmostVia, in: request).offersLoss
    }

    /// Counts a new request for the mix by which is asked.
    func countForReports(_ request: SIPMessage, _ flow: FlowContext) {
        guard takesPart(request, flow) else { return }
        reporter.count(beginsSomething: request.to.tag == nil)
    }
}
