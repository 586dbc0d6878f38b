// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// The NOTIFY that a demonstration backend sends for a subscription: nothing ever happens there, so the state at the
/// beginning, or at the end, is all that there is to tell (RFC 6665 section 4.2.1.2).
struct DemoNotification {
    /// The longest subscription, in seconds.
    static let longest: UInt32 = 600

    /// The event packages that can be subscribed to.
    static let events = ["presence", "dialog", "message-summary", "reg"]

    let subscribe: SIPMessage
    /// The value of Event.
    let event: String
    /// The seconds that are granted; 0 ends the subscription.
    let expires: UInt32
    /// The URI that the backend is reached at.
    let contact: String
    /// The backend's tag in the dialog.
    let tag: String

    /// The value of a header field by its name in lower case; nil when the request has none.
    static func value(_ name: String, in request: SIPMessage) -> String? {
        let field = request.headers.first { request.bytes.text($0.nameRange).lowercased() == name }
        return field.map { request.bytes.text($0.value) }
    }

    /// The request, within the dialog that the SUBSCRIBE made: its route set is the Record-Route as it came (RFC 3261
    /// section 12.1.1).
    var bytes: ByteBuffer {
        let text = subscribe.bytes
        let target = subscribe.firstContact.map { text.text($0.uri) } ?? text.text(subscribe.from.uri)
        let callID = text.text(subscribe.callID)
        let sequence = subscribe.cSeq.number
        let host = contact.split(separator: "@").last ?? ""
        let transport = (subscribe.topmostVia.transport ?? .tcp).viaToken
        let branch = String(DemoTransactionKey.hash("\(tag) \(callID) \(sequence)"), radix: 16)
        let state = expires > 0 ? "active;expires=\(expires)" : "terminated;reason=timeout"
        var lines = ["NOTIFY \(target) SIP/2.0", "Via: SIP/2.0/\(transport) \(host);branch=z9hG4bK\(branch);rport"]
        lines.append("Max-Forwards: 70")
        lines += (subscribe.routeValues(.recordRoute) ?? []).map { "Route: \(text.text($0.range))" }
        let remoteTag = subscribe.from.tag.map { ";tag=\(text.text($0))" } ?? ""
        lines += [
            "From: <\(text.text(subscribe.to.uri))>;tag=\(tag)", "To: <\(text.text(subscribe.from.uri))>\(remoteTag)",
            "Call-ID: \(callID)", "CSeq: \(sequence) NOTIFY", "Contact: <\(contact)>", "Event: \(event)",
            "Subscription-State: \(state)", "Content-Length: 0", "", "",
        ]
        return ByteBuffer(string: lines.joined(separator: "\r\n"))
    }
}
