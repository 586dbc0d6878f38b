// SPDX-License-Identifier: Apache-2.0

/// Reads request lines and status lines strictly: one space between the parts and none around them (RFC 3261 sections
/// 7.1 and 7.2), because what one parser repairs another one may read in its own way.
enum StartLineParser {
    static func read(_ bytes: Bytes, to end: Int, into draft: inout MessageDraft) {
        if bytes.equalsIgnoringCase("sip/", from: 0, to: min(4, end)) {
            draft.isResponse = true
            return readStatusLine(bytes, to: end, into: &draft)
        }
        readRequestLine(bytes, to: end, into: &draft)
    }

    private static func readRequestLine(_ bytes: Bytes, to end: Int, into draft: inout MessageDraft) {
        var methodEnd = 0
        while methodEnd < end, Bytes.isToken(bytes[methodEnd]) { methodEnd += 1 }
        let uriStart = methodEnd + 1
        guard methodEnd > 0, bytes[methodEnd] == 0x20, let uriEnd = bytes.find(0x20, from: uriStart, to: end) else {
            return draft.fail(.startLine)
        }
        let method = SIPMethod.parse(bytes, from: 0, to: methodEnd)
        let version = uriEnd + 1
        guard bytes.equalsIgnoringCase("sip/", from: version, to: min(version + 4, end)),
            bytes.find(0x20, from: version, to: end) == nil
        else { return draft.fail(uriEnd > uriStart ? .requestURI : .startLine) }
        guard let uri = URIParser.parse(bytes, from: uriStart, to: uriEnd), !uri.hasHeaders || !uri.isSIP else {
            return draft.fail(.requestURI)
        }
        draft.startLine = .request(method: method, methodText: ByteRange(0, methodEnd), requestURI: uri)
        if !bytes.equalsIgnoringCase("sip/2.0", from: version, to: end) { draft.fail(.version) }
    }

    private static func readStatusLine(_ bytes: Bytes, to end: Int, into draft: inout MessageDraft) {
        guard bytes.equalsIgnoringCase("sip/2.0", from: 0, to: min(7, end)) else { return draft.fail(.version) }
        guard bytes[7] == 0x20, let status = bytes.number(from: 8, to: min(11, end), limit: 699), status >= 100,
            end == 11 || bytes[11] == 0x20
        else { return draft.fail(.startLine) }
        draft.startLine = .response(status: UInt16(status), reason: ByteRange(min(12, end), end))
    }
}
