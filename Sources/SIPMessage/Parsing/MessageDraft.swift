// SPDX-License-Identifier: Apache-2.0

/// A message while it is read: the fields found so far, checked at the end.
struct MessageDraft {
    var startLine: StartLine?
    /// The method of the request line, read even when the rest of the line is broken.
    var method = SIPMethod.other
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
    /// The version of the start line, when it is not spelled `SIP/2.0`.
    var oddVersion: ByteRange?
    /// Whether a field is folded over several rows.
    var isFolded = false
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
        guard let feed = bytes.find(0x0A, from: 0, to: bytes.count), bytes[feed &- 1] == 0x0D else { return .startLine }
        headers.reserveCapacity(20)
        StartLineParser.read(bytes, to: feed &- 1, limits: limits, into: &self)
        readHeaders(bytes, from: feed &+ 1, limits: limits)
        if failure == nil { checkMandatory(bytes) }
        if failure == nil { checkBody(bytes, framing: framing, limits: limits) }
        return failure
    }

    /// Notes what is wrong, unless something was wrong before.
    mutating func fail(_ reason: MalformedMessage.Reason) {
        if failure == nil { failure = reason }
    }

    private mutating func readHeaders(_ bytes: Bytes, from start: Int, limits: MessageLimits) {
        var position = start
        var rows = 1
        while position < bytes.count {
            if bytes[position] == 0x0D, bytes[position &+ 1] == 0x0A {
                bodyStart = position &+ 2
                end = bytes.count
                guard bytes.occurrences(of: 0x0D, from: 0, to: bodyStart) == rows &+ 1 else { return fail(.lineEnd) }
                if bodyStart > limits.headerSection { fail(.tooLarge) }
                return
            }
            guard position <= limits.headerSection else { return fail(.tooLarge) }
            guard headers.count < limits.fields else { return fail(.tooManyFields) }
            let nameEnd = bytes.skipToken(from: position, to: bytes.count)
            guard let lineEnd = fieldEnd(bytes, from: nameEnd, rows: &rows) else { return fail(.lineEnd) }
            readField(bytes, from: position, nameEnd: nameEnd, to: lineEnd, limits: limits)
            position = lineEnd &+ 2
        }
        fail(.headerSyntax)
    }

    /// The place of the CR LF that ends a field, past every row that is folded onto it (RFC 3261 section 7.3.1); nil when
    /// a line feed stands alone.
    @inline(__always)
    private mutating func fieldEnd(_ bytes: Bytes, from start: Int, rows: inout Int) -> Int? {
        var position = start
        while let feed = bytes.find(0x0A, from: position, to: bytes.count), bytes[feed &- 1] == 0x0D {
            rows &+= 1
            let next = bytes[feed &+ 1]
            guard next == 0x20 || next == 0x09 else { return feed &- 1 }
            isFolded = true
            position = feed &+ 1
        }
        return nil
    }

    private mutating func readField(
        _ bytes: Bytes,
        from start: Int,
        nameEnd: Int,
        to lineEnd: Int,
        limits: MessageLimits
    ) {
        var colon = nameEnd
        while colon < lineEnd, bytes[colon] == 0x20 || bytes[colon] == 0x09 { colon &+= 1 }
        guard nameEnd > start, colon < lineEnd, bytes[colon] == 0x3A else { return fail(.headerSyntax) }
        let valueStart = bytes.skipBlanks(from: colon &+ 1, to: lineEnd)
        let valueEnd = bytes.trimBlanks(from: valueStart, to: lineEnd)
        let name = HeaderName.parse(bytes, from: start, to: nameEnd)
        headers.append(
            HeaderField(
                name: name,
                line: ByteRange(start, lineEnd &+ 2),
                nameRange: ByteRange(start, nameEnd),
                value: ByteRange(valueStart, valueEnd)
            )
        )
        guard name != .other else { return }
        if name.isSingle, present.contains(name) {
            // A request-only field in a response means nothing, however often (MSG-33).
            return isResponse && name == .maxForwards ? () : fail(.repeatedHeader)
        }
        present.insert(name)
        readKnown(bytes, name, valueStart, valueEnd, limits)
    }
}

extension Bytes {
    /// How often `byte` stands in `start..<end`; sixteen at a time, for it runs over every header section.
    func occurrences(of byte: UInt8, from start: Int, to end: Int) -> Int {
        guard start >= 0, end <= count else { return 0 }
        let wanted = SIMD16<UInt8>(repeating: byte)
        let (zero, one) = (SIMD16<UInt8>(repeating: 0), SIMD16<UInt8>(repeating: 1))
        var total = 0
        var index = start
        while index &+ 16 <= end {
            var lanes = zero
            let stop = min(end &- 15, index &+ 16 &* 255)
            while index < stop {
                let block = UnsafeRawPointer(base + index).loadUnaligned(as: SIMD16<UInt8>.self)
                lanes &+= zero.replacing(with: one, where: block .== wanted)
                index &+= 16
            }
            total &+= Int(SIMD16<UInt16>(truncatingIfNeeded: lanes).wrappedSum())
        }
        while index < end {
            if base[index] == byte { total &+= 1 }
            index &+= 1
        }
        return total
    }
}
