// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

/// Forwarding is an edit of the received bytes: what is not edited leaves byte for byte as it came.
@Suite("Edits leave everything else alone")
struct EditPropertyTests {
    /// A message without folds and with the usual version, whose bytes nothing but edits changes.
    private static func plain(_ vector: Vectors.Vector) -> SIPMessage? {
        guard
            case .message(let message) = MessageParser.parse(vector.bytes, framing: .datagram, limits: MessageLimits()),
            !message.isFolded
        else { return nil }
        return message
    }

    @Test(
        "MSG-62: an unedited message is the same bytes; with folds, one that stays the same from then on",
        arguments: Vectors.all
    )
    func unedited(_ vector: Vectors.Vector) throws {
        guard let message = try? Wire.parse(vector.bytes, framing: .datagram) else { return }
        var edits = MessageEdits()
        let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
        if !message.isFolded { #expect(sent == message.bytes) }
        let again = try Wire.parse(sent, framing: .datagram)
        #expect(!again.isFolded)
        edits.reset()
        #expect(edits.applied(to: again, allocator: ByteBufferAllocator()) == sent)
        #expect(again.headers.map(\.name) == message.headers.map(\.name))
        for (field, before) in zip(again.headers, message.headers) {
            let words = { (text: String?) in text?.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            #expect(words(again.text(field.value)) == words(message.text(before.value)))
        }
    }

    @Test("MSG-55, MSG-62: random splices on every torture message do what a plain replacement does", arguments: 0..<20)
    func splices(_ seed: Int) {
        var generator = DrawGenerator(seed: UInt64(seed))
        var edits = MessageEdits()
        for message in Vectors.all.compactMap(Self.plain) {
            let bytes = Array(message.bytes.readableBytesView)
            var places: [(at: Int, removed: Int, text: [UInt8])] = []
            var expected: [UInt8] = []
            var position = 0
            while position < bytes.count {
                let at = min(bytes.count, position + Int.random(in: 1...200, using: &generator))
                let end = min(bytes.count, at + Int.random(in: 0...30, using: &generator))
                let text = [UInt8](repeating: 0x2A, count: Int.random(in: 0...9, using: &generator))
                places.append((at, end - at, text))
                expected += bytes[position..<at] + text
                position = end
            }
            edits.reset()
            for place in places.shuffled(using: &generator) {
                edits.splice(at: place.at, removing: place.removed) { $0.writeBytes(place.text) }
            }
            let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
            #expect(Array(sent.readableBytesView) == expected, "seed \(seed)")
        }
    }

    @Test("Insertions at one place keep their order and stand before what is removed there")
    func samePlace() throws {
        let message = try Wire.parse(Wire.request(body: "abc"))
        var edits = MessageEdits()
        edits.remove(ByteRange(message.bodyStart, message.bodyStart + 1))
        for text in ["1", "2", "3"] { edits.splice(at: message.bodyStart) { $0.writeString(text) } }
        let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
        #expect(String(buffer: sent).hasSuffix("\r\n\r\n123bc"))
    }

    @Test("An edit inside what another one removes is dropped, as is one outside the message")
    func overlaps() throws {
        let message = try Wire.parse(Wire.request(body: "abcdef"))
        var edits = MessageEdits()
        let start = message.bodyStart
        edits.remove(ByteRange(start, start + 4))
        edits.splice(at: start + 2, removing: 3) { $0.writeString("x") }
        edits.splice(at: start + 3) { $0.writeString("y") }
        edits.splice(at: start + 7) { $0.writeString("z") }
        edits.splice(at: start + 5, removing: 100) { $0.writeString("w") }
        let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
        #expect(String(buffer: sent).hasSuffix("\r\n\r\nef"))
    }

    @Test("Several messages can share one buffer, and one value edits message after message")
    func shared() throws {
        let first = try Wire.parse(Wire.request(body: "1"))
        let second = try Wire.parse(Wire.request(body: "2"))
        var edits = MessageEdits()
        var output = ByteBuffer()
        edits.appendLine(to: first) { $0.writeString("X: 1\r\n") }
        edits.apply(to: first, into: &output)
        edits.reset()
        edits.apply(to: second, into: &output)
        let found = Framed.elements([output])
        #expect(found.count == 2)
        #expect(found.last == .message(second.bytes))
        let edited = String(buffer: first.bytes).replacing("\r\n\r\n", with: "\r\nX: 1\r\n\r\n")
        #expect(found.first == .message(ByteBuffer(string: edited)))
    }

    @Test(
        "MSG-53, MSG-55, PRX-28: each edit of a proxy, on every torture message, changes its own lines alone",
        arguments: Vectors.all.filter { plain($0)?.isRequest == true }
    )
    func proxyEdits(_ vector: Vectors.Vector) throws {
        let message = try Wire.parse(vector.bytes, framing: .datagram)
        let source = IPAddress.v4(0xCB00_7107)
        let own: [(HeaderName, (inout MessageEdits) -> Void)] = [
            (.via, { $0.pushVia(on: message) { $0.writeString("Via: SIP/2.0/TLS e;branch=z9hG4bKe\r\n") } }),
            (.via, { $0.stampSource(on: message, address: source, text: ByteBuffer(string: "203.0.113.7"), port: 9) }),
            (.maxForwards, { $0.lowerMaxForwards(of: message) }), (.maxBreadth, { $0.boundMaxBreadth(of: message) }),
            (.recordRoute, { $0.push(.recordRoute, on: message) { $0.writeString("Record-Route: <sip:e;lr>\r\n") } }),
            (.route, { $0.removeRoutes(first: 1, of: message.routeValues(.route) ?? [], in: message) }),
            (.route, { $0.appendRoute(on: message) { $0.writeString("sip:e;lr") } }),
            (.contentLength, { $0.addContentLength(to: message) }),
            (.supported, { $0.removeAll(.supported, of: message) }),
        ]
        for (name, edit) in own {
            var edits = MessageEdits()
            edit(&edits)
            let sent = try Wire.parse(
                edits.applied(to: message, allocator: ByteBufferAllocator()),
                framing: .datagram
            )
            #expect(untouched(sent, but: name) == untouched(message, but: name), "\(name)")
            #expect(sent.bytes.slice(sent.body) == message.bytes.slice(message.body))
        }
    }

    private func untouched(_ message: SIPMessage, but name: HeaderName) -> [String?] {
        message.headers.filter { $0.name != name }.map { message.text($0.line) }
    }
}
