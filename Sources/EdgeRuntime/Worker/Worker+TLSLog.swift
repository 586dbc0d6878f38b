// SPDX-License-Identifier: Apache-2.0

package import EdgeTLS
internal import SIPMessage
internal import SIPProxy

extension Worker {
    /// Hands on what is to be logged of a TLS connection that failed (TLS-54).
    ///
    /// That is the peer, the server name, the class of the failure as the metric has it and in words, and which
    /// certificate was refused. Whoever takes it bounds the lines.
    func log(_ message: String, _ flow: StreamFlow, _ failure: TLSFailure) {
        var side = "client"
        if case .backend = flow.context.side { side = "backend" }
        hooks.logConnection(message, failure.logDetails(peer: flow.context.peerText, side: side))
    }
}

extension TLSFailure {
    /// What a log line says of it, beside its message: who the other end is, and what was wrong (TLS-54).
    package func logDetails(peer: String, side: String) -> [(String, String)] {
        var details = [
            ("peer", peer), ("side", side), ("reason", reason.rawValue), ("detail", words), ("meaning", reason.words),
        ]
        if let serverName { details.append(("server_name", serverName)) }
        if let refused {
            details += [("certificate", refused.subject), ("certificate_issuer", refused.issuer)]
            if !refused.names.isEmpty { details.append(("certificate_names", refused.names)) }
            details.append(("certificate_sha256", refused.digest))
        }
        return details
    }
}

extension FlowContext {
    /// The other end, as log lines name it.
    var peerText: String { "\(remoteAddress.hostText):\(remotePort)" }
}
