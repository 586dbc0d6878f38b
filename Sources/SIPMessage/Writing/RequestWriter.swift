// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Writes the requests that a proxy makes out of one that it sent: the ACK for a final other than 2xx (RFC 3261 section
/// 17.1.1.3) and CANCEL (section 9.1).
package enum RequestWriter {
    /// The ACK for `response`, a final of 300 to 699 to `invite`, which is the request as it was sent (TXN-07).
    package static func ack(for invite: SIPMessage, response: SIPMessage) -> ByteBuffer {
        derived(from: invite, method: "ACK", to: response.first(.to).map { response.bytes.slice($0.line) }, reason: nil)
    }

    /// The CANCEL of `invite`, which is the request as it was sent (TXN-38), with a Reason line to carry on (TXN-41).
    package static func cancel(_ invite: SIPMessage, reason: ByteBuffer?) -> ByteBuffer {
        derived(from: invite, method: "CANCEL", to: nil, reason: reason)
    }

    private static func derived(
        from invite: SIPMessage,
        method: StaticString,
        to: ByteBuffer?,
        reason: ByteBuffer?
    ) -> ByteBuffer {
        var output = ByteBuffer()
        output.reserveCapacity(512)
        output.writeStaticString(method)
        output.writeStaticString(" ")
        if let uri = invite.requestURI { output.writeImmutableBuffer(invite.bytes.slice(uri.range)) }
        output.writeStaticString(" SIP/2.0\r\n")
        writeTopmostVia(of: invite, into: &output)
        for field in invite.headers {
            switch field.name {
            case .route, .from, .callID: output.writeImmutableBuffer(invite.bytes.slice(field.line))
            case .to: output.writeImmutableBuffer(to ?? invite.bytes.slice(field.line))
            default: continue
            }
        }
        output.writeStaticString("Max-Forwards: 70\r\nCSeq: ")
        output.writeImmutableBuffer(invite.bytes.slice(invite.cSeq.numberText))
        output.writeStaticString(" ")
        output.writeStaticString(method)
        output.writeStaticString("\r\n")
        if let reason { output.writeImmutableBuffer(reason) }
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }

    private static func writeTopmostVia(of invite: SIPMessage, into output: inout ByteBuffer) {
        output.writeStaticString("Via: ")
        output.writeImmutableBuffer(invite.bytes.slice(invite.topmostVia.range))
        output.writeStaticString("\r\n")
    }
}
