// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import SIPMessage
package import SIPProxy
package import Telemetry

/// The labels under which the events of the data plane are counted.
extension MethodLabel {
    init(_ method: SIPMethod) {
        switch method {
        case .invite: self = .invite
        case .bye: self = .bye
        case .options: self = .options
        case .register: self = .register
        case .prack: self = .prack
        case .subscribe: self = .subscribe
        case .notify: self = .notify
        case .publish: self = .publish
        case .info: self = .info
        case .refer: self = .refer
        case .message: self = .message
        case .update: self = .update
        // ACK and CANCEL have no transaction of their own, so none ends here.
        case .ack, .cancel, .other: self = .other
        }
    }
}

extension SideLabel {
    init(_ side: FlowContext.Side) {
        switch side {
        case .client: self = .client
        case .backend: self = .backend
        }
    }

    /// Who is on the other side of a TLS connection.
    init(_ side: TLSFailure.Side) { self = side == .server ? .client : .backend }
}

extension AttemptFailureLabel {
    package init(_ failure: AttemptFailure) {
        switch failure {
        case .refused: self = .refused
        case .connectTimeout: self = .connectTimeout
        case .tls: self = .tls
        case .queueFull: self = .queueFull
        // Only what goes to a client's flow can find it gone; that is no backend's failure.
        case .flowGone, .closed: self = .closed
        case .timeout: self = .timeout
        case .status: self = .status
        }
    }
}

extension MalformedLabel {
    init(_ reason: MalformedMessage.Reason) {
        switch reason {
        case .startLine: self = .startLine
        case .version: self = .version
        case .requestURI, .requestURITooLong: self = .uri
        case .missingVia, .missingFrom, .missingTo, .missingCallID, .missingCSeq: self = .missingHeader
        case .repeatedHeader: self = .duplicateHeader
        case .headerSyntax, .lineEnd, .via, .branch, .from, .to, .callID, .cSeq, .cSeqMethod, .maxForwards:
            self = .headerSyntax
        case .contentLength, .contentLengthMissing: self = .contentLength
        case .bodyTooShort: self = .body
        case .tooLarge, .tooManyFields, .tooManyVias: self = .tooLarge
        }
    }

    init(_ error: FramingError) {
        switch error {
        case .contentLength: self = .contentLength
        case .headerSectionTooLong, .messageTooLong: self = .tooLarge
        case .lineEnd: self = .headerSyntax
        case .tls: self = .tls
        case .http: self = .http
        case .proxyHeader: self = .proxyHeader
        case .notSIP: self = .framing
        }
    }
}

extension DropLabel {
    init(_ reason: DropReason) {
        switch reason {
        case .malformed: self = .malformed
        case .amplification: self = .amplification
        case .strayResponse: self = .strayResponse
        case .foreignVia: self = .foreignVia
        case .strayAck: self = .strayAck
        case .lateResponse: self = .lateResponse
        case .unsendable: self = .unsendable
        case .maxForwards: self = .maxForwards
        case .cancelFromElsewhere: self = .cancelFromElsewhere
        case .overLimit: self = .overLimit
        case .deadFlow: self = .deadFlow
        case .absorbedAck: self = .absorbedAck
        case .foreignSource: self = .foreignSource
        case .loop: self = .loop
        }
    }
}

extension LimitLabel {
    /// The limits of the core that it keeps at present.
    init?(_ limit: ProxyLimit) {
        switch limit {
        case .transactions: self = .transactions
        case .overload: self = .overload
        case .routeValues: self = .routeValues
        case .statelessResolutions: self = .statelessResolutions
        case .retryBudget: self = .retryBudget
        case .transactionsPerSource: self = .transactionsPerSource
        case .transactionsPerConnection: self = .transactionsPerConnection
        }
    }
}

extension TLSVersionLabel {
    init(_ version: TLSVersion) {
        switch version {
        case .tls12: self = .tls12
        case .tls13: self = .tls13
        case .tls10, .tls11: self = .other
        }
    }
}

extension TLSFailureLabel {
    init(_ reason: TLSFailure.Reason) {
        switch reason {
        case .handshakeDeadline: self = .handshakeDeadline
        case .closedDuringHandshake: self = .closedDuringHandshake
        case .notTLS: self = .notTls
        case .version: self = .version
        case .parameters: self = .parameters
        case .certificateMissing: self = .certificateMissing
        case .certificateInvalid: self = .certificateInvalid
        case .nameMismatch: self = .nameMismatch
        case .daneMismatch: self = .daneMismatch
        case .unknownServerName: self = .unknownServerName
        case .peerAlert: self = .peerAlert
        case .protocolViolation: self = .protocolViolation
        case .truncated: self = .truncated
        case .library: self = .library
        }
    }
}
