// SPDX-License-Identifier: Apache-2.0

/// The A-label form of labels in other scripts (RFC 3492, RFC 5890): `bücher` is asked for as `xn--bcher-kva`.
enum Punycode {
    /// The text with each label that is not ASCII in its A-label form, all in lower case.
    static func aLabels(of text: some StringProtocol) -> String {
        // IDNA takes these for the dot between labels too (RFC 3490 section 3.1).
        let dots: Set<Character> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
        return text.lowercased().split(omittingEmptySubsequences: false) { dots.contains($0) }
            .map { $0.utf8.allSatisfy { $0 < 0x80 } ? String($0) : encoded($0) }
            .joined(separator: ".")
    }

    private static let base: UInt32 = 36
    private static let initialBias: UInt32 = 72

    private static func encoded(_ label: some StringProtocol) -> String {
        let scalars = label.unicodeScalars.map(\.value)
        var output = scalars.filter { $0 < 0x80 }.map { UInt8(truncatingIfNeeded: $0) }
        let basic = UInt32(truncatingIfNeeded: output.count)
        if basic > 0 { output.append(0x2D) }
        var (next, delta, bias, handled) = (UInt32(0x80), UInt32(0), initialBias, basic)
        while Int(handled) < scalars.count, let smallest = scalars.filter({ $0 >= next }).min() {
            // A label is at most 63 octets, so overflow means one that has no wire form anyway.
            delta = delta &+ (smallest &- next) &* (handled &+ 1)
            next = smallest
            for scalar in scalars {
                if scalar < next { delta = delta &+ 1 }
                guard scalar == next else { continue }
                write(delta, bias, to: &output)
                bias = adapted(delta, points: handled &+ 1, isFirst: handled == basic)
                delta = 0
                handled = handled &+ 1
            }
            delta = delta &+ 1
            next = next &+ 1
        }
        return "xn--" + String(decoding: output, as: UTF8.self)
    }

    /// One delta as a variable-length integer (RFC 3492 section 6.3).
    private static func write(_ delta: UInt32, _ bias: UInt32, to output: inout [UInt8]) {
        var rest = delta
        var place = base
        while true {
            let threshold = place <= bias ? 1 : min(place - bias, 26)
            if rest < threshold { break }
            output.append(digit(threshold + (rest - threshold) % (base - threshold)))
            rest = (rest - threshold) / (base - threshold)
            place = place &+ base
        }
        output.append(digit(rest))
    }

    private static func digit(_ value: UInt32) -> UInt8 {
        UInt8(truncatingIfNeeded: value < 26 ? value + 0x61 : value - 26 + 0x30)
    }

    /// The next bias (RFC 3492 section 6.1).
    private static func adapted(_ delta: UInt32, points: UInt32, isFirst: Bool) -> UInt32 {
        var rest = isFirst ? delta / 700 : delta / 2
        rest = rest &+ rest / max(points, 1)
        var bias: UInt32 = 0
        while rest > 455 {
            rest /= 35
            bias += base
        }
        return bias + 36 * rest / (rest + 38)
    }
}
