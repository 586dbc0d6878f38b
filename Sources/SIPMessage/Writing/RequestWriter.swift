// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Writes the requests that a proxy makes out of one that it sent: the ACK for a final other than 2xx (RFC 3261 section
/// 17.1.1.3) and CANCEL (section 9.1).
package enum RequestWriter {
    /// The ACK for `response`, a final of 300 to 699 to `invite`, which is the request as it was sent (TXN-07).
    package static func ack(for invite: SIPMessage, response: SIPMessage) -> ByteBuffer {
        derived(from: invite, method: "ACK", response: response, reason: nil)
    }

    /// The CANCEL of `invite`, which is the request as it was sent (TXN-38), with a Reason line to carry on (TXN-41).
    package static func cancel(_ invite: SIPMessage, reason: ByteBuffer?) -> ByteBuffer {
        derived(from: invite, method: "CANCEL", response: nil, reason: reason)
    }

    private static func derived(
        from invite: SIPMessage,
        method: StaticString,
        response: SIPMessage?,
        reason: ByteBuffer?
    ) -> ByteBuffer {
        var output = ByteBufferAllocator().buffer(capacity: invite.bodyStart &+ 64)
        output.writeStaticString(method)
        output.writeStaticString(" ")
        if let uri = invite.requestURI { output.append(uri.range, of: invite.bytes) }
        output.writeStaticString(" SIP/2.0\r\nVia: ")
        output.append(invite.topmostVia.range, of: invite.bytes)
        output.writeStaticString("\r\n")
        for field in invite.headers {
            switch field.name {
            case .route, .from, .callID: output.append(field.line, of: invite.bytes)
            case .to:
                guard let response, let to = response.first(.to) else {
                    output.append(field.line, of: invite.bytes)
                    continue
                }
                output.append(to.line, of: response.bytes)
            default: continue
            }
        }
        output.writeStaticString("Max-Forwards: 70\r\nCSeq: ")
        output.append(invite.cSeq.numberText, of: invite.bytes)
        output.writeStaticString(" ")
        output.writeStaticString(method)
        output.writeStaticString("\r\n")
        if let reason { output.append(ByteRange(0, reason.readableBytes), of: reason) }
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }
}
