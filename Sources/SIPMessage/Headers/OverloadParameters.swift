// SPDX-License-Identifier: Apache-2.0

/// The overload control parameters of one Via value (RFC 7339 section 4), read when somebody needs them.
package struct OverloadParameters: Sendable, Hashable {
    /// Whether `oc` is there, with or without a value: its sender takes part in overload control.
    package private(set) var isOffered = false
    /// The value of `oc`; for the loss algorithm per cent of the requests that are not to be sent.
    package private(set) var value: UInt32?
    /// Whether `oc-algo` is there.
    package private(set) var namesAlgorithms = false
    /// Whether `oc-algo` lists `loss`.
    package private(set) var hasLoss = false
    /// Whether `oc-algo` lists `loss` and nothing else, as a server answers.
    package private(set) var isLossAlone = false
    /// `oc-validity` in milliseconds.
    package private(set) var validity: UInt32?
    /// `oc-seq` in units of 0.00001, so that sequences compare as numbers.
    package private(set) var sequence: UInt64?
    /// Whether every parameter keeps the grammar of section 9 and stands there once; if not, none of them counts.
    package private(set) var isSound = true

    package init() {}

    /// Whether its sender takes part in overload control and knows the loss algorithm, as every client must
    /// (section 5.1).
    package var offersLoss: Bool { isSound && isOffered && hasLoss }

    /// Whether a client offers to take part and says no more: in a response it is our own offer, come back from a server
    /// that does not.
    package var isOfferAlone: Bool { isSound && isOffered && value == nil && validity == nil && sequence == nil }

    /// The parameters of a Via value of a message.
    package init(_ via: Via, in message: SIPMessage) {
        guard via.hasOverload else { return }
        var seen: UInt16 = 0
        message.withBytes { bytes in
            ViaParser.forEachParameter(of: via, bytes) { name, value, _ in
                guard Self.isName(bytes, from: name.start, to: name.end) else { return }
                // The lengths of the four names tell them apart.
                let bit: UInt16 = 1 << UInt16(truncatingIfNeeded: name.count)
                if seen & bit != 0 || !read(bytes, name, value) { isSound = false }
                seen |= bit
            }
        }
    }

    /// Whether a parameter name is one of the four.
    @inline(__always)
    static func isName(_ bytes: Bytes, from start: Int, to end: Int) -> Bool {
        switch end &- start {
        case 2: bytes.equalsIgnoringCase("oc", from: start, to: end)
        case 6: bytes.equalsIgnoringCase("oc-seq", from: start, to: end)
        case 7: bytes.equalsIgnoringCase("oc-algo", from: start, to: end)
        case 11: bytes.equalsIgnoringCase("oc-validity", from: start, to: end)
        default: false
        }
    }

    /// Whether anything between these places begins like one of the four.
    static func mayStand(in bytes: Bytes, from start: Int, to end: Int) -> Bool {
        var semicolon = bytes.find(0x3B, from: start, to: end)
        while let mark = semicolon {
            let name = bytes.skipBlanks(from: mark &+ 1, to: end)
            if name &+ 2 <= end, bytes.equalsIgnoringCase("oc", from: name, to: name &+ 2) { return true }
            semicolon = bytes.find(0x3B, from: name, to: end)
        }
        return false
    }

    /// Reads one of the four, which their lengths tell apart; false when it breaks the grammar.
    private mutating func read(_ bytes: Bytes, _ name: ByteRange, _ value: ByteRange?) -> Bool {
        switch name.count {
        case 2:
            isOffered = true
            guard let value else { return true }
            self.value = Self.number(bytes, value)
            return self.value != nil
        case 6:
            sequence = value.flatMap { Self.sequence(bytes, $0) }
            return sequence != nil
        case 7:
            namesAlgorithms = true
            return value.map { readAlgorithms(bytes, $0) } ?? false
        default:
            validity = value.flatMap { Self.number(bytes, $0) }
            return validity != nil
        }
    }

    private static func number(_ bytes: Bytes, _ range: ByteRange) -> UInt32? {
        guard bytes.skipDigits(from: range.start, to: range.end) == range.end else { return nil }
        return bytes.number(from: range.start, to: range.end, limit: UInt64(UInt32.max)).map { UInt32($0) }
    }

    /// `1*12DIGIT "." 1*5DIGIT`: a time stamp, so that what stands behind the point is a fraction.
    private static func sequence(_ bytes: Bytes, _ range: ByteRange) -> UInt64? {
        let point = bytes.skipDigits(from: range.start, to: range.end)
        let end = bytes.skipDigits(from: point &+ 1, to: range.end)
        let digits = end &- point &- 1
        guard bytes[point] == 0x2E, end == range.end, (1...12).contains(point &- range.start), (1...5).contains(digits),
            let whole = bytes.number(from: range.start, to: point, limit: 999_999_999_999),
            var fraction = bytes.number(from: point &+ 1, to: end, limit: 99_999)
        else { return nil }
        for _ in digits..<5 { fraction &*= 10 }
        return whole &* 100_000 &+ fraction
    }

    /// A quoted list of algorithms with commas between them.
    private mutating func readAlgorithms(_ bytes: Bytes, _ range: ByteRange) -> Bool {
        guard range.count > 2, bytes[range.start] == 0x22, bytes[range.end &- 1] == 0x22 else { return false }
        let end = range.end &- 1
        var position = range.start &+ 1
        var count = 0
        while true {
            let start = bytes.skipBlanks(from: position, to: end)
            let stop = bytes.skipToken(from: start, to: end)
            guard stop > start else { return false }
            count &+= 1
            if bytes.equalsIgnoringCase("loss", from: start, to: stop) { hasLoss = true }
            let comma = bytes.skipBlanks(from: stop, to: end)
            if comma >= end { break }
            guard bytes[comma] == 0x2C else { return false }
            position = comma &+ 1
        }
        isLossAlone = hasLoss && count == 1
        return true
    }
}

extension ViaParser {
    /// Goes through the parameters of a value that was read: name, value and the whole with its semicolon.
    static func forEachParameter(of via: Via, _ bytes: Bytes, _ body: (ByteRange, ByteRange?, ByteRange) -> Void) {
        let end = via.range.end
        var semicolon = bytes.find(0x3B, from: via.range.start, to: end)
        while let mark = semicolon {
            let start = bytes.skipBlanks(from: mark &+ 1, to: end)
            guard let (name, value) = nameAndValue(bytes, from: start, to: end) else { return }
            let stop = value?.end ?? name.end
            body(name, value, ByteRange(mark, stop))
            let next = bytes.skipBlanks(from: stop, to: end)
            semicolon = next < end && bytes[next] == 0x3B ? next : nil
        }
    }
}

extension MessageEdits {
    /// Takes what a client says of overload out of its own Via, which is for this hop alone (RFC 7339 section 5.6).
    package mutating func removeOverload(ofTopmostViaOf message: SIPMessage) {
        guard message.topmostVia.hasOverload else { return }
        message.withBytes { removeOverload(of: message.topmostVia, $0) }
    }

    /// Takes what a response says of overload out of all Vias below the topmost one: else a server far away could throttle
    /// whom it does not serve (RFC 7339 section 5.4).
    package mutating func removeOverload(ofLowerViasOf message: SIPMessage) {
        message.withBytes { bytes in
            for index in message.headers.indices.dropFirst(message.firstVia) {
                let field = message.headers[index]
                guard field.name == .via else { continue }
                var position = field.value.start
                if index == message.firstVia {
                    position = message.topmostVia.nextValueStart.map(Int.init) ?? field.value.end
                }
                // Nearly every Via is passed over here, without being read.
                guard OverloadParameters.mayStand(in: bytes, from: position, to: field.value.end) else { continue }
                while position < field.value.end, let via = ViaParser.parse(bytes, from: position, to: field.value.end)
                {
                    if via.hasOverload { removeOverload(of: via, bytes) }
                    position = via.nextValueStart.map(Int.init) ?? field.value.end
                }
            }
        }
    }

    private mutating func removeOverload(of via: Via, _ bytes: Bytes) {
        ViaParser.forEachParameter(of: via, bytes) { name, _, whole in
            if OverloadParameters.isName(bytes, from: name.start, to: name.end) { remove(whole) }
        }
    }
}
