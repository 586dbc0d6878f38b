// SPDX-License-Identifier: Apache-2.0

/// Reads request lines and status lines strictly: one space between the parts and none around them (RFC 3261 sections
/// 7.1 and 7.2), because what one parser repairs another one may read in its own way.
enum StartLineParser {
    static func read(_ bytes: Bytes, to end: Int, limits: MessageLimits, into draft: inout MessageDraft) {
        if bytes.equalsIgnoringCase("sip/", from: 0, to: min(4, end)) {
            draft.isResponse = true
            return readStatusLine(bytes, to: end, into: &draft)
        }
        readRequestLine(bytes, to: end, limits: limits, into: &draft)
    }

    private static func readRequestLine(
        _ bytes: Bytes,
        to end: Int,
        limits: MessageLimits,
        into draft: inout MessageDraft
    ) {
        let methodEnd = bytes.skipToken(from: 0, to: end)
        let uriStart = methodEnd &+ 1
        guard methodEnd > 0, bytes[methodEnd] == 0x20, let uriEnd = bytes.find(0x20, from: uriStart, to: end),
            uriEnd > uriStart
        else { return draft.fail(.startLine) }
        draft.method = SIPMethod.parse(bytes, from: 0, to: methodEnd)
        let version = uriEnd &+ 1
        guard bytes.equalsIgnoringCase("sip/", from: version, to: min(version &+ 4, end)) else {
            return draft.fail(.requestURI)
        }
        guard bytes.find(0x20, from: version, to: end) == nil else { return draft.fail(.startLine) }
        guard uriEnd &- uriStart <= limits.requestURI else { return draft.fail(.requestURITooLong) }
        guard let uri = URIParser.parse(bytes, from: uriStart, to: uriEnd),
            !uri.isSIP || !(uri.hasHeaders || uri.hasMethod)
        else { return draft.fail(.requestURI) }
        draft.startLine = .request(method: draft.method, methodText: ByteRange(0, methodEnd), requestURI: uri)
        readVersion(bytes, from: version, to: end, into: &draft)
    }

    /// The version compares in any case; another one than 2.0 is refused (MSG-04).
    private static func readVersion(_ bytes: Bytes, from start: Int, to end: Int, into draft: inout MessageDraft) {
        if end &- start == 7, bytes.hasPrefix("SIP/2.0", at: start) { return }
        draft.oddVersion = ByteRange(start, end)
        if !bytes.equalsIgnoringCase("sip/2.0", from: start, to: end) { draft.fail(.version) }
    }

    private static func readStatusLine(_ bytes: Bytes, to end: Int, into draft: inout MessageDraft) {
        readVersion(bytes, from: 0, to: min(7, end), into: &draft)
        guard draft.failure == nil else { return }
        guard bytes[7] == 0x20, let status = bytes.number(from: 8, to: min(11, end), limit: 699), status >= 100,
            end == 11 || bytes[11] == 0x20
        else { return draft.fail(.startLine) }
        draft.startLine = .response(
            status: UInt16(truncatingIfNeeded: status),
            reason: ByteRange(min(12, end), end)
        )
    }
}
