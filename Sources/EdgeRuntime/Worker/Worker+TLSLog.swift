// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
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
        var details = [
            ("peer", flow.context.peerText), ("side", side), ("reason", failure.reason.rawValue),
            ("detail", failure.words), ("meaning", failure.reason.words),
        ]
        if let name = failure.serverName { details.append(("server_name", name)) }
        if let refused = failure.refused {
            details += [("certificate", refused.subject), ("certificate_issuer", refused.issuer)]
            if !refused.names.isEmpty { details.append(("certificate_names", refused.names)) }
            details.append(("certificate_sha256", refused.digest))
        }
        hooks.logConnection(message, details)
    }
}

extension FlowContext {
    /// The other end, as log lines name it.
    var peerText: String { "\(remoteAddress.hostText):\(remotePort)" }
}
