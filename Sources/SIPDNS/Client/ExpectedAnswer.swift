// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// What the answer to one query must repeat (RFC 5452 section 9.1); anything else is not for us.
struct ExpectedAnswer: Sendable {
    let id: UInt16
    let question: DNSQuestion
    /// The question as it was sent, when its case was drawn (LOC-67).
    let rawQuestion: ByteBuffer?

    func accepts(_ response: DNSMessageCodec.Response) -> Bool {
        guard response.id == id, response.question == question else { return false }
        return rawQuestion.map { $0 == DNSMessageCodec.rawQuestion(of: response.bytes) } ?? true
    }
}
