// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// One SIP message: its bytes as they came, and where in them everything is that routing needs.
///
/// It is made by `MessageParser` alone and is immutable. Forwarding edits the bytes (`MessageEdits`); nothing is ever
/// written anew from parsed values, so what is not edited leaves byte for byte as it came.
package struct SIPMessage: Sendable {
    /// Exactly one message, from its start line to the end of its body.
    package internal(set) var bytes: ByteBuffer
    package let startLine: StartLine
    /// Every header field in order.
    package let headers: [HeaderField]
    /// Where the header section ends, the empty line included, and the body begins.
    package let bodyStart: Int
    package let topmostVia: Via
    /// The number of Via values in all fields together.
    package let viaCount: Int
    /// The place of the first Via field in `headers`.
    package let firstVia: Int
    package let callID: ByteRange
    package let cSeq: CSeq
    package let from: NameAddress
    package let to: NameAddress
    /// The value of Max-Forwards; nil when it is absent or above 255, which counts as absent (MSG-24).
    package let maxForwards: UInt8?
    /// Whether a Content-Length field stands in the message.
    package let hasContentLength: Bool
    /// Whether a field is folded over several rows, which leave as one (MSG-13).
    package let isFolded: Bool
    /// The version in the start line, when it is not spelled `SIP/2.0` (MSG-04).
    let oddVersion: ByteRange?
    /// Which fields occur at all, so that an absent one costs no search.
    let present: HeaderSet

    /// The method of a request, or the CSeq method of a response.
    @inlinable
    package var method: SIPMethod {
        if case .request(let method, _, _) = startLine { return method }
        return cSeq.method
    }

    /// Whether it is a request.
    @inlinable
    package var isRequest: Bool {
        if case .request = startLine { return true }
        return false
    }

    /// The Request-URI; nil for a response.
    @inlinable
    package var requestURI: SIPURI? {
        if case .request(_, _, let uri) = startLine { return uri }
        return nil
    }

    /// The status code; 0 for a request.
    @inlinable
    package var status: UInt16 {
        if case .response(let status, _) = startLine { return status }
        return 0
    }

    /// The body's bytes.
    package var body: ByteRange { ByteRange(bodyStart, bytes.readableBytes) }

    /// Whether a field of that name stands in the message.
    @inline(__always)
    package func has(_ name: HeaderName) -> Bool { present.contains(name) }

    /// The first field of that name.
    package func first(_ name: HeaderName) -> HeaderField? {
        guard present.contains(name) else { return nil }
        for field in headers where field.name == name { return field }
        return nil
    }
}

/// Which header fields occur in a message, as bits.
struct HeaderSet: Sendable, Hashable {
    private var bits: UInt64 = 0

    mutating func insert(_ name: HeaderName) { bits |= 1 << UInt64(name.rawValue) }

    func isDisjoint(with other: HeaderSet) -> Bool { bits & other.bits == 0 }

    func contains(_ name: HeaderName) -> Bool { bits & (1 << UInt64(name.rawValue)) != 0 }
}
