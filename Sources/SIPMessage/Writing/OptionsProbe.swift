// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The OPTIONS request that asks a backend whether it is well (OVL-25, OVL-29); everything but its identifiers is
/// rendered once.
package struct OptionsProbe: Sendable {
    private let requestLine: ByteBuffer
    private let sentBy: ByteBuffer
    private let fromLine: ByteBuffer
    private let tail: ByteBuffer

    /// A probe of `requestURI` (the pool's URI without a user part) that says it comes from `from`, a SIP URI of this
    /// edge.
    ///
    /// `sentBy` is the host and port of the Via; with `maxForwards` 0 or 1 only the next hop is tested.
    package init(
        requestURI: String,
        sentBy: String,
        from: String,
        transport: SIPTransport,
        userAgent: String,
        maxForwards: UInt8 = 70
    ) {
        requestLine = ByteBuffer(string: "OPTIONS \(requestURI) SIP/2.0\r\nVia: SIP/2.0/\(transport.viaToken) ")
        self.sentBy = ByteBuffer(string: sentBy)
        tail = ByteBuffer(
            string: "To: <\(requestURI)>\r\nMax-Forwards: \(maxForwards)\r\nUser-Agent: \(userAgent)\r\n"
                + "Accept: */*\r\nContent-Length: 0\r\n\r\n"
        )
        fromLine = ByteBuffer(string: "\r\nFrom: <\(from)>;tag=")
    }

    /// Appends one probe.
    ///
    /// `branch`, without the magic cookie, and the numbers of `identifier` make it unique.
    package func write(
        branch: ByteBuffer,
        identifier: UInt64,
        cSeq: UInt32 = 1,
        into output: inout ByteBuffer
    ) {
        output.writeImmutableBuffer(requestLine)
        output.writeImmutableBuffer(sentBy)
        output.writeStaticString(";rport;branch=z9hG4bK")
        output.writeImmutableBuffer(branch)
        output.writeImmutableBuffer(fromLine)
        output.writeHexadecimal(identifier, digits: 16)
        output.writeStaticString("\r\nCall-ID: ")
        output.writeHexadecimal(identifier &* 0x9E37_79B9_7F4A_7C15, digits: 16)
        output.writeStaticString("@")
        output.writeImmutableBuffer(sentBy)
        output.writeStaticString("\r\nCSeq: ")
        output.writeDecimal(UInt64(cSeq))
        output.writeStaticString(" OPTIONS\r\n")
        output.writeImmutableBuffer(tail)
    }
}
