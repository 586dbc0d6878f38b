// SPDX-License-Identifier: Apache-2.0

/// The header fields that are read as they are met.
extension MessageDraft {
    mutating func readKnown(_ bytes: Bytes, _ name: HeaderName, _ start: Int, _ end: Int, _ limits: MessageLimits) {
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
            // A request-only field in a response means nothing (MSG-33).
            guard let value = bytes.saturatingNumber(from: start, to: end) else {
                return isResponse ? () : fail(.maxForwards)
            }
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
        var rest = start
        if viaCount == 0 {
            firstVia = headers.count &- 1
            var isSound = true
            topmostVia = ViaParser.read(bytes, from: start, to: end, isSound: &isSound)
            viaCount = 1
            guard let topmostVia, isSound else { return fail(.via) }
            guard let next = topmostVia.nextValueStart else { return }
            rest = Int(next)
        }
        guard let count = ViaParser.count(bytes, from: rest, to: end) else { return fail(.via) }
        viaCount &+= count
        // The answer to what may have so many comes with our own above them.
        if viaCount &- (isResponse ? 1 : 0) > limits.vias { fail(.tooManyVias) }
    }

    private mutating func readCSeq(_ bytes: Bytes, _ start: Int, _ end: Int) {
        let digits = bytes.skipDigits(from: start, to: end)
        guard let number = bytes.number(from: start, to: digits, limit: UInt64(UInt32.max)) else { return fail(.cSeq) }
        let method = bytes.skipBlanks(from: digits, to: end)
        guard method > digits, method < end, bytes.skipToken(from: method, to: end) == end else {
            return fail(.cSeqMethod)
        }
        cSeq = CSeq(
            number: UInt32(truncatingIfNeeded: number),
            method: SIPMethod.parse(bytes, from: method, to: end),
            methodText: ByteRange(method, end),
            numberText: ByteRange(start, digits)
        )
    }

    /// RFC 3261 sections 8.1.1 and 16.3(1): what every message has (MSG-20, MSG-22).
    mutating func checkMandatory(_ bytes: Bytes) {
        guard topmostVia != nil else { return fail(.missingVia) }
        guard from != nil else { return fail(.missingFrom) }
        guard to != nil else { return fail(.missingTo) }
        guard callID != nil else { return fail(.missingCallID) }
        guard let cSeq else { return fail(.missingCSeq) }
        guard case .request(let method, let text, _) = startLine else { return }
        guard method == cSeq.method, method != .other || bytes.same(text, cSeq.methodText) else {
            return fail(.cSeqMethod)
        }
        // The bare cookie names no transaction (MSG-51).
        if let branch = topmostVia?.branch, branch.count == 7,
            bytes.equalsIgnoringCase("z9hg4bk", from: branch.start, to: branch.end)
        {
            fail(.branch)
        }
    }

    /// RFC 3261 section 18.3: how long the body is.
    mutating func checkBody(_ bytes: Bytes, framing: MessageParser.Framing, limits: MessageLimits) {
        guard let contentLength else {
            if framing == .stream { fail(.contentLengthMissing) }
            return
        }
        guard contentLength <= limits.message &- bodyStart else { return fail(.tooLarge) }
        guard bodyStart &+ contentLength <= bytes.count else { return fail(.bodyTooShort) }
        end = bodyStart &+ contentLength
    }
}
