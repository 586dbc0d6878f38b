// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What a server asks of a client in the Via that the client wrote, by the loss algorithm (RFC 7339 sections 4 and 5.2).
package struct OverloadFeedback: Sendable, Hashable {
    /// `oc`: per cent of all its requests that the client is to hold back.
    package var percent: UInt32
    /// `oc-validity` in milliseconds; 0: nothing is asked for.
    package var validity: UInt32
    /// `oc-seq` in units of 0.00001.
    package var sequence: UInt64

    package init(percent: UInt32, validity: UInt32, sequence: UInt64) {
        self.percent = percent
        self.validity = validity
        self.sequence = sequence
    }

    /// Writes the four parameters, each with its semicolon; the sequence always with five digits behind the point, so that
    /// whoever takes these for a number of their own orders them alike.
    package func write(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(";oc=")
        buffer.writeDecimal(UInt64(percent))
        buffer.writeStaticString(";oc-algo=\"loss\";oc-validity=")
        buffer.writeDecimal(UInt64(validity))
        buffer.writeStaticString(";oc-seq=")
        buffer.writeDecimal(sequence / 100_000 % 1_000_000_000_000)
        buffer.writeStaticString(".")
        let fraction = sequence % 100_000
        var unit: UInt64 = 10_000
        while unit > 1, fraction < unit {
            buffer.writeStaticString("0")
            unit /= 10
        }
        buffer.writeDecimal(fraction)
    }
}

extension MessageEdits {
    /// Writes what is asked of the client into its Via, the one below the topmost of a response that is sent on.
    package mutating func writeOverload(_ feedback: OverloadFeedback, inSecondViaOf message: SIPMessage) {
        guard let via = message.secondVia else { return }
        splice(at: via.range.end) { feedback.write(into: &$0) }
    }
}
