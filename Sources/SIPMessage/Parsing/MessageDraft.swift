// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// A message while it is read: the fields found so far, checked at the end.
struct MessageDraft {
    var startLine: StartLine?
    var headers: [HeaderField] = []
    var present = HeaderSet()
    var bodyStart = 0
    var end = 0
    var topmostVia: Via?
    var viaCount = 0
    var firstVia = 0
    var callID: ByteRange?
    var cSeq: CSeq?
    var from: NameAddress?
    var to: NameAddress?
    var maxForwards: UInt8?
    var contentLength: Int?
    /// Whether the start line claims to be a status line.
    var isResponse = false
    /// The first thing that was found wrong; reading goes on, so that an answer can be addressed.
    var failure: MalformedMessage.Reason?

    /// Reads start line, header section and framing; nil when the message is sound.
    mutating func read(
        _ bytes: Bytes,
        framing: MessageParser.Framing,
        limits: MessageLimits
    ) -> MalformedMessage.Reason? {
        headers.reserveCapacity(24)
        guard let lineEnd = bytes.lineEnd(from: 0) else { return .startLine }
        StartLineParser.read(bytes, to: lineEnd, into: &self)
        readHeaders(bytes, from: lineEnd + 2, limits: limits)
        if failure == nil { checkMandatory(bytes) }
        if bodyStart > 0, failure == nil { checkBody(bytes, framing: framing) }
        return failure
    }

    /// Notes what is wrong, unless something was wrong before.
    mutating func fail(_ reason: MalformedMessage.Reason) {
        if failure == nil { failure = reason }
    }

    private mutating func readHeaders(_ bytes: Bytes, from start: Int, limits: MessageLimits) {
        var position = start
        while position < bytes.count {
            if bytes[position] == 0x0D, bytes[position + 1] == 0x0A {
                bodyStart = position + 2
                end = bytes.count
                return
            }
            guard let lineEnd = bytes.foldedLineEnd(from: position) else { return fail(.headerSyntax) }
            guard headers.count < limits.fields else { return fail(.tooManyFields) }
            readField(bytes, from: position, to: lineEnd, limits: limits)
            position = lineEnd + 2
            guard position <= limits.headerSection else { return fail(.tooLarge) }
        }
        fail(.headerSyntax)
    }

    private mutating func readField(_ bytes: Bytes, from start: Int, to lineEnd: Int, limits: MessageLimits) {
        var nameEnd = start
        while nameEnd < lineEnd, Bytes.isToken(bytes[nameEnd]) { nameEnd += 1 }
        let colon = bytes.skipBlanks(from: nameEnd, to: lineEnd)
        guard nameEnd > start, colon < lineEnd, bytes[colon] == 0x3A else { return fail(.headerSyntax) }
        let valueStart = bytes.skipBlanks(from: colon + 1, to: lineEnd)
        let valueEnd = bytes.trimBlanks(from: valueStart, to: lineEnd)
        let name = HeaderName.parse(bytes, from: start, to: nameEnd)
        headers.append(
            HeaderField(
                name: name,
                line: ByteRange(start, lineEnd + 2),
                nameRange: ByteRange(start, nameEnd),
                value: ByteRange(valueStart, valueEnd)
            )
        )
        guard name != .other else { return }
        if name.isSingle, present.contains(name) { return fail(.repeatedHeader) }
        present.insert(name)
        readKnown(bytes, name, valueStart, valueEnd, limits)
    }

    private mutating func readKnown(
        _ bytes: Bytes,
        _ name: HeaderName,
        _ start: Int,
        _ end: Int,
        _ limits: MessageLimits
    ) {
        switch name {
        case .via: readVia(bytes, start, end, limits)
        case .from:
            from = NameAddressParser.parse(bytes, from: start, to: end)
            if from == nil { fail(.from) }
        case .to:
            to = NameAddressParser.parse(bytes, from: start, to: end)
            if to == nil { fail(.to) }
        case .callID:
            guard end > start, !bytes.hasBlank(from: start, to: end) else { return fail(.callID) }
            callID = ByteRange(start, end)
        case .cSeq: readCSeq(bytes, start, end)
        case .maxForwards:
            guard let value = bytes.number(from: start, to: end, limit: .max / 16) else { return fail(.maxForwards) }
            maxForwards = UInt8(exactly: value)
        case .contentLength:
            guard let value = bytes.number(from: start, to: end, limit: UInt64(Int32.max)) else {
                return fail(.contentLength)
            }
            contentLength = Int(value)
        default: break
        }
    }

    private mutating func readVia(_ bytes: Bytes, _ start: Int, _ end: Int, _ limits: MessageLimits) {
        guard let count = ViaParser.count(bytes, from: start, to: end) else { return fail(.via) }
        if viaCount == 0 {
            firstVia = headers.count - 1
            topmostVia = ViaParser.parse(bytes, from: start, to: end)
            if topmostVia == nil { fail(.via) }
        }
        viaCount += count
        if viaCount > limits.vias { fail(.tooManyFields) }
    }

    private mutating func readCSeq(_ bytes: Bytes, _ start: Int, _ end: Int) {
        var digits = start
        while digits < end, bytes[digits] &- 0x30 < 10 { digits += 1 }
        let method = bytes.skipBlanks(from: digits, to: end)
        guard let number = bytes.number(from: start, to: digits, limit: UInt64(UInt32.max)), method > digits,
            method < end,
            !bytes.hasBlank(from: method, to: end)
        else { return fail(.cSeq) }
        cSeq = CSeq(
            number: UInt32(number),
            method: SIPMethod.parse(bytes, from: method, to: end),
            methodText: ByteRange(method, end),
            numberText: ByteRange(start, digits)
        )
    }

    /// RFC 3261 sections 8.1.1 and 16.3(1): what every message has (MSG-20, MSG-22).
    private mutating func checkMandatory(_ bytes: Bytes) {
        guard topmostVia != nil, callID != nil, let cSeq, from != nil, to != nil else { return fail(.missingHeader) }
        guard case .request(let method, let text, _) = startLine else { return }
        guard method == cSeq.method, bytes.same(text, cSeq.methodText) else { return fail(.cSeqMethod) }
        if let branch = topmostVia?.branch, branch.count == 7,
            bytes.equalsIgnoringCase("z9hg4bk", from: branch.start, to: branch.end)
        {
            fail(.via)
        }
    }

    private mutating func checkBody(_ bytes: Bytes, framing: MessageParser.Framing) {
        guard let contentLength else {
            if framing == .stream { fail(.contentLengthMissing) }
            return
        }
        guard bodyStart + contentLength <= bytes.count else { return fail(.bodyTooShort) }
        end = bodyStart + contentLength
    }
}

extension Bytes {
    /// The place of the CR LF that ends the line at `start`; nil when there is none, or a CR or LF stands alone in it.
    func lineEnd(from start: Int) -> Int? {
        guard let feed = find(0x0A, from: start, to: count), feed > start, base[feed - 1] == 0x0D else { return nil }
        return find(0x0D, from: start, to: feed - 1) == nil ? feed - 1 : nil
    }

    /// Like `lineEnd`, past every row that is folded onto the line (RFC 3261 section 7.3.1).
    func foldedLineEnd(from start: Int) -> Int? {
        guard var end = lineEnd(from: start) else { return nil }
        while self[end + 2] == 0x20 || self[end + 2] == 0x09 {
            guard let next = lineEnd(from: end + 2) else { return nil }
            end = next
        }
        return end
    }

    func same(_ left: ByteRange, _ right: ByteRange) -> Bool {
        guard left.length == right.length, left.end <= count, right.end <= count else { return false }
        for index in 0..<left.count where base[left.start + index] != base[right.start + index] { return false }
        return true
    }
}
