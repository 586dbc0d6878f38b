// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Name addresses")
struct NameAddressTests {
    static func from(_ value: String) throws -> (value: NameAddress, message: SIPMessage) {
        let message = try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["From": value]))
        return (message.from, message)
    }

    @Test("MSG-26: without brackets, parameters belong to the header field")
    func bare() throws {
        let (value, message) = try Self.from("sip:a@example.com;x=y ; tag = 1")
        #expect(message.text(value.uri) == "sip:a@example.com")
        #expect(message.text(value.tag) == "1")
        let (bracketed, other) = try Self.from("<sip:a@example.com;tag=2>;tag=1")
        #expect(other.text(bracketed.uri) == "sip:a@example.com;tag=2")
        #expect(other.text(bracketed.tag) == "1")
        #expect(try Self.from("<sip:a@example.com;tag=2>").value.tag == nil)
    }

    @Test(
        "MSG-27, MSG-28, MSG-29: display names that are one",
        arguments: [
            "caller<sip:a@h>", "\"\" <sip:a@h>", "\"a,b;<c>\" <sip:a@h>", "\"\\\"\\\\\\\u{0}\"<sip:a@h>",
            "A B  C <sip:a@h>",
            "\u{43F}\u{440} <sip:a@h>", "<sip:a@h>", "\"a\n b\"\n <sip:a@h>",
        ]
    )
    func displayNames(_ text: String) throws {
        let (value, message) = try Self.from("\(text);tag=1")
        #expect(message.text(value.uri) == "sip:a@h")
        #expect(message.text(value.tag) == "1")
    }

    @Test(
        "MSG-26, MSG-28: what is no name-addr",
        arguments: [
            "Bell, Alexander <sip:a@h>;tag=1", "\"Mr J <sip:a@h>", "<sip:a@h", "sip:a@h>", "sip:a,b@h", "sip:a@h?x=1",
            "a;b <sip:a@h>", "<>", "<a@h>", "\"a\" sip:a@h", "<sip:a @h>", "", "<sip:a@h>;", "<sip:a@h>;tag",
            "<sip:a@h>;tag=",
            "<sip:a@h>;=1", "<sip:a@h>, <sip:b@h>", "<sip:a@h> x", "\"a\\", "<sip:a@h>;x=\"", ":x",
        ]
    )
    func broken(_ text: String) {
        let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["From": text]))
        #expect(refusal?.reason == .from)
        #expect(refusal?.status == 400)
        #expect(Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["To": text]))?.reason == .to)
    }

    @Test("MSG-16: commas in quotes and brackets part no list of Contacts; reg-id is seen (RFC 5626)")
    func contacts() throws {
        let line = "Contact: \"a,b\" <sip:a,c@h>;q=0.1;language=\"en,fr\";reg-id=1 , sip:d@h;x ,<tel:+1>"
        let message = try Wire.parse(Wire.request(adding: [line, "m: <sip:e@h>"]))
        let values = try #require(message.nameAddresses(.contact))
        #expect(values.map { message.text($0.uri) } == ["sip:a,c@h", "sip:d@h", "tel:+1", "sip:e@h"])
        #expect(values.map(\.hasRegistrationID) == [true, false, false, false])
        #expect(message.firstContact == values.first)
        #expect(message.text(values[0].range)?.hasSuffix("reg-id=1") == true)
    }

    @Test("A Contact that cannot be read, such as *, gives no list; none gives an empty one")
    func unreadable() throws {
        let star = try Wire.parse(Wire.request(adding: ["Contact: *"]))
        #expect(star.nameAddresses(.contact) == nil)
        #expect(star.firstContact == nil)
        #expect(try Wire.parse(Wire.request()).nameAddresses(.contact) == [])
        #expect(try Wire.parse(Wire.request(adding: ["Route: sip:"])).routeValues(.route) == nil)
        #expect(try Wire.parse(Wire.request(adding: ["Route: <sip:h:0>"])).routeValues(.route) == nil)
    }

    @Test("Numbers of header fields end at the first byte that is no digit, and saturate")
    func numbers() throws {
        let values: [(String, UInt32?)] = [
            ("120", 120), ("18000;duration=3600", 18_000), ("5 (in a while)", 5), ("", nil), ("x", nil), ("-1", nil),
            ("4294967296", .max), ("99999999999999999999999", .max),
        ]
        for (text, number) in values {
            #expect(try Wire.parse(Wire.request(adding: ["Retry-After: \(text)"])).number(.retryAfter) == number)
        }
        #expect(try Wire.parse(Wire.request()).number(.retryAfter) == nil)
    }
}
