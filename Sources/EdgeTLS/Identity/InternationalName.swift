// SPDX-License-Identifier: Apache-2.0

/// Names with letters outside ASCII, in the form that certificates and DNS hold them (RFC 5280 section 7.2, TLS-14).
package enum InternationalName {
    /// The longest label that DNS knows, in bytes.
    static let labelLimit = 63

    /// The name with each label that needs it as an A-label (`xn--…`, RFC 3492); nil when a label cannot be one.
    package static func asciiForm(of name: String) -> [UInt8]? {
        if name.utf8.allSatisfy({ $0 < 0x80 }) { return Array(name.utf8) }
        var ascii: [UInt8] = []
        for (index, label) in name.lowercased().split(separator: ".", omittingEmptySubsequences: false).enumerated() {
            if index > 0 { ascii.append(UInt8(ascii: ".")) }
            if label.utf8.allSatisfy({ $0 < 0x80 }) {
                ascii += Array(label.utf8)
            } else {
                guard let encoded = Self.punycode(of: label.unicodeScalars.map(\.value)) else { return nil }
                ascii += Array("xn--".utf8) + encoded
            }
        }
        return ascii
    }

    /// Encodes the code points of a label by RFC 3492 section 6.3; nil when it would be longer than a label may be.
    private static func punycode(of label: [UInt32]) -> [UInt8]? {
        guard label.count <= Self.labelLimit else { return nil }
        var output = label.filter { $0 < 0x80 }.map { UInt8(truncatingIfNeeded: $0) }
        let basicCount = output.count
        if basicCount > 0 { output.append(UInt8(ascii: "-")) }
        var (next, delta, bias, handled) = (UInt32(0x80), 0, 72, basicCount)
        while handled < label.count {
            guard let lowest = label.lazy.filter({ $0 >= next }).min() else { return nil }
            // At most 63 code points of at most 21 bits each: nothing here can overflow.
            delta &+= Int(lowest &- next) &* (handled &+ 1)
            next = lowest
            for point in label {
                if point < next { delta &+= 1 }
                if point == next {
                    Self.appendNumber(delta, bias: bias, to: &output)
                    bias = Self.adapted(delta, points: handled &+ 1, isFirst: handled == basicCount)
                    delta = 0
                    handled &+= 1
                }
            }
            delta &+= 1
            next &+= 1
        }
        return output.count &+ 4 <= Self.labelLimit ? output : nil
    }

    /// Writes a number as digits of base 36 with moving thresholds (RFC 3492 section 3.3).
    private static func appendNumber(_ number: Int, bias: Int, to output: inout [UInt8]) {
        var rest = number
        var position = 36
        while true {
            let threshold = min(max(position &- bias, 1), 26)
            if rest < threshold { break }
            output.append(Self.digit(threshold &+ (rest &- threshold) % (36 &- threshold)))
            rest = (rest &- threshold) / (36 &- threshold)
            position &+= 36
        }
        output.append(Self.digit(rest))
    }

    private static func digit(_ value: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: value < 26 ? value &+ 0x61 : value &+ 22)
    }

    /// The next bias (RFC 3492 section 6.1).
    private static func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
        var rest = isFirst ? delta / 700 : delta / 2
        rest &+= rest / points
        var bias = 0
        while rest > 455 {
            rest /= 35
            bias &+= 36
        }
        return bias &+ 36 &* rest / (rest &+ 38)
    }
}
