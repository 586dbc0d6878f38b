// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// What no message that leaves a bench may be, whatever the test is about.
struct Scan {
    /// The provisional responses that came in, by status, Call-ID and CSeq.
    private var provisionals: Set<String> = []
    /// Whether `transport=tls` may stand in what is sent on: a listener asks for it, or somebody else has written it.
    private var knowsTransportTLS: Bool

    init(_ snapshot: ProxySnapshot) {
        knowsTransportTLS = snapshot.listeners.contains { $0.transport == .tls && $0.advertisedPort != nil }
    }

    /// Notes bytes that came in.
    mutating func noteReceived(_ bytes: ByteBuffer) {
        if !knowsTransportTLS { knowsTransportTLS = Self.holdsTransportTLS(bytes) }
    }

    /// Notes a message that came in.
    mutating func noteReceived(_ message: SIPMessage) {
        if let key = Self.provisional(message) { provisionals.insert(key) }
    }

    /// What is wrong with a message that leaves; nil when nothing is.
    func problem(_ bytes: ByteBuffer, isDatagram: Bool) -> String? {
        if !knowsTransportTLS, Self.holdsTransportTLS(bytes) {
            return "PRX-34: transport=tls where nobody asked for it: \(String(buffer: bytes))"
        }
        // Most that leaves is no provisional response, and need not be read.
        guard bytes.readableBytesView.starts(with: "SIP/2.0 1".utf8),
            !bytes.readableBytesView.starts(with: "SIP/2.0 100 ".utf8)
        else { return nil }
        let framing: MessageParser.Framing = isDatagram ? .datagram : .stream
        // What cannot be read again, for a lower Via that nobody has looked at, has come from elsewhere.
        guard case .message(let message) = MessageParser.parse(bytes, framing: framing, limits: MessageLimits()),
            let key = Self.provisional(message), !provisionals.contains(key)
        else { return nil }
        return "PRX-04: a provisional response of the edge's own: \(String(buffer: bytes))"
    }

    private static func provisional(_ message: SIPMessage) -> String? {
        guard (101..<200).contains(message.status) else { return nil }
        return "\(message.status) \(message.bytes.text(message.callID)) \(message.cSeq.number) \(message.method)"
    }

    /// Whether the text stands there, in any case of its letters.
    private static func holdsTransportTLS(_ bytes: ByteBuffer) -> Bool {
        let text: StaticString = "transport=tls"
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return bytes.withUnsafeReadableBytes { raw in
            guard raw.count >= wanted.count else { return false }
            var place = 0
            while place <= raw.count - wanted.count {
                var matched = 0
                // A letter and its capital differ in one bit, and `=` has it set.
                while matched < wanted.count, raw[place + matched] | 0x20 == wanted[matched] { matched += 1 }
                if matched == wanted.count { return true }
                place += 1
            }
            return false
        }
    }
}
