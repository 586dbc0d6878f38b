// SPDX-License-Identifier: Apache-2.0

/// The first line of a message (RFC 3261 sections 7.1 and 7.2).
package enum StartLine: Sendable, Hashable {
    /// A request: its method, the method as written, and the Request-URI.
    case request(method: SIPMethod, methodText: ByteRange, requestURI: SIPURI)
    /// A response: its status code (100 to 699) and reason phrase.
    case response(status: UInt16, reason: ByteRange)
}

/// The CSeq header field (RFC 3261 section 20.16).
package struct CSeq: Sendable, Hashable {
    package let number: UInt32
    package let method: SIPMethod
    /// The method as written, which for `.other` is its only name.
    package let methodText: ByteRange
    /// The number as written.
    package let numberText: ByteRange
}
