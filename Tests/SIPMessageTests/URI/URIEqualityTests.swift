// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

/// The table of RFC 3261 section 19.1.4, and what else its words decide (MSG-44).
@Suite("URI equality")
struct URIEqualityTests {
    static let equal = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
        ),
        ("sip:a@[2001:db8::9:1]", "sip:a@[2001:DB8:0::9:01]"), ("sip:a@192.0.2.1", "sip:a@[::ffff:192.0.2.1]"),
        ("sip:a@example.com.", "sip:a@EXAMPLE.com"), ("SIP:a@h", "sip:a@h"), ("sip:a@h;x=1;x=2", "sip:a@h;x=1;x=2"),
        ("tel:+1555", "tel:+1555"), ("sip:a@h;%75ser=phone", "sip:a@h;user=phone"),
    ]
    static let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@h", "sips:a@h"), ("sip:a@h", "sip:b@h"), ("sip:a@h", "sip:h"), ("sip:a:x@h", "sip:a:y@h"),
        ("sip:a@h;user=phone", "sip:a@h"), ("sip:a@h", "sip:a@h;ttl=1"), ("sip:a@h", "sip:a@h;maddr=1.2.3.4"),
        ("sip:a@h;method=BYE", "sip:a@h"), ("tel:+1555", "tel:+1556"), ("sip:a@192.0.2.1", "sip:a@192.0.2.2"),
        // A reserved character is not the same as its escape, and nothing is unescaped twice (MSG-31).
        ("sip:a%3Bb@h", "sip:a;b@h"), ("sip:a%2541@h", "sip:a%41@h"), ("sip:a%40@h", "sip:a%41@h"),
        // Header components count, each as often as it stands there.
        ("sip:a@h?to=1&to=1", "sip:a@h?to=1&to=2"), ("sip:a@h?to=1&to=1", "sip:a@h?to=1&x=1"),
        ("sip:a@h?to=1&to=1&x=2", "sip:a@h?to=1&x=2&x=2"),
    ]

    private static func isEqual(_ left: String, _ right: String) throws -> Bool {
        let (one, message) = try URITests.contact(left)
        let (two, other) = try URITests.contact(right)
        return one.isEquivalent(in: message.bytes, to: two, in: other.bytes)
    }

    @Test("MSG-44: equal, both ways", arguments: equal)
    func equivalent(_ left: String, _ right: String) throws {
        #expect(try Self.isEqual(left, right))
        #expect(try Self.isEqual(right, left))
    }

    @Test("MSG-44: not equal, both ways", arguments: different)
    func distinct(_ left: String, _ right: String) throws {
        #expect(try !Self.isEqual(left, right))
        #expect(try !Self.isEqual(right, left))
    }

    @Test("Each URI of the table equals itself", arguments: (equal + different).flatMap { [$0.0, $0.1] })
    func itself(_ text: String) throws {
        #expect(try Self.isEqual(text, text))
    }
}
