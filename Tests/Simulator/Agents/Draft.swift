// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// A request to be written, as oddly as the grammar allows.
struct Draft {
    var method: String
    var uri: String
    var branch = ""
    var routes: [String] = []
    var from: String
    var fromTag: String
    var to: String
    var toTag: String?
    var callID: String
    var number: Int
    var contact: String?
    var extra: [String] = []
    var body = ""

    func written(on line: Line, _ dice: Dice) -> ByteBuffer {
        let place = "\(line.transport.viaToken) \(line.sentBy)"
        let via = "SIP/2.0/\(place);branch=\(branch)\(line.transport == .udp ? ";rport" : "")"
        var lines = ["\(method) \(uri) SIP/2.0"]
        var fields = [
            "\(dice.pick("Via", "v", "VIA", "Via")): \(via)", "\(dice.pick("Max-Forwards", "max-forwards")): 70",
            "\(dice.pick("From", "f", "From", "FROM")): \(from);tag=\(fromTag)",
            "\(dice.pick("To", "t", "To")):\(dice.pick(" ", "  ", "\t"))\(to)\(toTag.map { ";tag=\($0)" } ?? "")",
            "\(dice.pick("Call-ID", "i", "Call-ID")) : \(callID)", "CSeq: \(number) \(method)",
        ]
        fields += routes.map { "Route: \($0)" }
        if let contact { fields.append("\(dice.pick("Contact", "m")): \(contact)") }
        fields += extra
        for _ in 0..<dice.number(0...3) { fields.append(Self.oddity(dice)) }
        // Fields stand in any order, those of one name in theirs.
        if dice.chance(20) { fields.shuffle(using: &dice.generator) }
        lines += fields
        let isLengthNeeded = line.transport.isReliable || dice.chance(70)
        if isLengthNeeded { lines.append("\(dice.pick("Content-Length", "l")): \(body.utf8.count)") }
        return ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// A field that the edge has no business with.
    private static func oddity(_ dice: Dice) -> String {
        dice.pick(
            "X-Folded: one\r\n two\r\n\tthree",
            "X-Odd:   spaced \t out  ",
            "x-CaSe: \"Quoted \\\" , ; text\"",
            "Subject: Přílišné žluťoučké kůň",
            "Authorization: Digest username=\"a\",nonce=\"=+/\", uri=\"sip:b\"",
            "X-Empty:",
            "Identity: eyJhbGciOiJFUzI1NiJ9;info=<https://c.example/c>",
            "s: compact",
            "X-List: a,b ,c",
            "Date: Thu, 26 Nov 2026 01:00:00 GMT"
        )
    }

    static func body(_ dice: Dice) -> String {
        switch dice.number(0...9) {
        case 0...4: ""
        case 5: "v=0\r\n\r\nINVITE sip:not@a.request SIP/2.0\r\n\r\n"
        case 6: String(repeating: "0123456789\r\n", count: dice.number(100...300))
        default: "v=0\r\no=- 1 1 IN IP4 10.1.1.1\r\ns=-\r\n"
        }
    }
}
