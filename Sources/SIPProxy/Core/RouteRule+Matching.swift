// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
package import SIPMessage

extension RouteRule {
    /// Whether all conditions of the rule hold for a request.
    func matches(_ request: SIPMessage, on flow: FlowContext) -> Bool {
        if !listeners.isEmpty, !listeners.contains(flow.listener) { return false }
        if !methods.isEmpty, !methods.contains(where: { request.isMethod($0) }) {
            // An ACK goes where its INVITE went (PRX-79).
            guard request.method == .ack, methods.contains("INVITE"), case .pool = action else { return false }
        }
        if !domains.isEmpty, !matchesDomain(request) { return false }
        if !sources.isEmpty, !sources.contains(where: { $0.contains(flow.remoteAddress) }) { return false }
        if !peers.isEmpty, !peers.contains(where: { flow.verifiedNames.contains($0) }) { return false }
        return true
    }

    private func matchesDomain(_ request: SIPMessage) -> Bool {
        guard let uri = request.requestURI, uri.isSIP else { return false }
        return domains.contains(RenderedListeners.name(request.bytes.text(uri.host)))
    }
}

extension RouteRule.Network {
    /// Whether an address lies in the range.
    package func contains(_ other: IPAddress) -> Bool {
        switch (address.unmapped, other.unmapped) {
        case (.v4(let network), .v4(let value)):
            return prefixLength == 0 || (network ^ value) >> (32 - UInt32(min(prefixLength, 32))) == 0
        case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
            let length = UInt64(min(prefixLength, 128))
            if length == 0 { return true }
            if length <= 64 { return (high ^ otherHigh) >> (64 - length) == 0 }
            return high == otherHigh && (length == 128 ? low == otherLow : (low ^ otherLow) >> (128 - length) == 0)
        default:
            return false
        }
    }
}

extension SIPMessage {
    /// Whether the method as written is `name`.
    func isMethod(_ name: String) -> Bool {
        guard case .request(_, let text, _) = startLine else { return false }
        return bytes.slice(text).readableBytesView.elementsEqual(name.utf8)
    }
}
