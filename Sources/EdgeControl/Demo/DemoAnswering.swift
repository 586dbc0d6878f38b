// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What a demonstration backend says to each request, as a value: request in, bytes out.
///
/// It is a registrar with its bindings in memory and a user agent that takes every call (RFC 3261 sections 8.2, 10.3
/// and 13.3). It answers statelessly: the To tag follows from the Call-ID, so a repeated request gets the same answer.
package struct DemoAnswering: Sendable {
    /// How the backend behaves, to show what the edge makes of it.
    package enum Behaviour: Sendable, Hashable {
        case answer
        /// It takes connections and requests and says nothing.
        case hang
        /// It refuses every request with this status.
        case refuse(status: UInt16)
    }

    /// What the driver is to do.
    package enum Action: Sendable, Equatable {
        case send(ByteBuffer)
        /// A call rings: `pickUp` with this key once it has rung long enough.
        case ring(DemoTransactionKey)
    }

    /// Requests received so far, by method.
    package private(set) var requests: [SIPMethod: Int] = [:]
    /// Requests in a dialog that this backend knows nothing of: zero while the edge keeps dialogs together.
    package private(set) var strays = 0
    /// Answers to its NOTIFY requests, by status.
    package private(set) var notified: [UInt16: Int] = [:]
    package private(set) var registrar = DemoRegistrar()
    package var behaviour = Behaviour.answer

    private let name: String
    private let contact: String
    private var ringing: [DemoTransactionKey: Ringing] = [:]
    /// Call-IDs of calls that are up, with the number of requests since.
    private var calls: Set<String> = []

    private struct Ringing {
        let invite: SIPMessage
        let source: ResponseWriter.Source?
    }

    /// A backend that calls itself `name` and is reached at `contact`, a SIP URI.
    package init(name: String, contact: String) {
        self.name = name
        self.contact = contact
    }

    /// The calls that are up.
    package var callCount: Int { calls.count }

    /// All requests received, of any method.
    package var total: Int { requests.values.reduce(0, +) }

    /// Takes a request; `source` is where it came from, for the topmost Via (RFC 3581 section 4).
    package mutating func receive(_ request: SIPMessage, from source: ResponseWriter.Source?) -> [Action] {
        guard request.isRequest else {
            if request.method == .notify { notified[request.status, default: 0] += 1 }
            return []
        }
        requests[request.method, default: 0] += 1
        switch behaviour {
        case .hang: return []
        case .refuse where request.method == .ack: return []
        case .refuse(let status): return [.send(response(request, status, "Refused", source))]
        case .answer: break
        }
        switch request.method {
        case .ack: return []
        case .invite: return invite(request, source)
        case .cancel: return cancel(request, source)
        case .bye: return bye(request, source)
        case .subscribe: return subscribe(request, source)
        case .register: return [.send(register(request, source))]
        case .options, .message, .info, .notify, .update: return [.send(response(request, 200, "OK", source))]
        default: return [.send(response(request, 501, "Not Implemented", source))]
        }
    }

    /// Takes the call that rings under `key`: its 200, or nil when it was cancelled meanwhile.
    package mutating func pickUp(_ key: DemoTransactionKey) -> ByteBuffer? {
        guard let call = ringing.removeValue(forKey: key) else { return nil }
        calls.insert(call.invite.bytes.text(call.invite.callID))
        return accepted(call.invite, call.source)
    }

    private mutating func invite(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> [Action] {
        let callID = request.bytes.text(request.callID)
        if request.to.tag != nil {
            if !calls.contains(callID) { strays += 1 }
            return [.send(accepted(request, source))]
        }
        if calls.contains(callID) { return [.send(accepted(request, source))] }
        let key = DemoTransactionKey(request)
        ringing[key] = Ringing(invite: request, source: source)
        return [.send(response(request, 180, "Ringing", source, isInDialog: true)), .ring(key)]
    }

    private mutating func cancel(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> [Action] {
        guard let call = ringing.removeValue(forKey: DemoTransactionKey(request)) else {
            return [.send(response(request, 481, "Call/Transaction Does Not Exist", source))]
        }
        return [
            .send(response(request, 200, "OK", source)),
            .send(response(call.invite, 487, "Request Terminated", call.source)),
        ]
    }

    private mutating func bye(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> [Action] {
        // An edge that moved the call off a dead backend is no reason to leave the caller hanging: it counts, that is all.
        if calls.remove(request.bytes.text(request.callID)) == nil { strays += 1 }
        return [.send(response(request, 200, "OK", source))]
    }

    private mutating func register(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> ByteBuffer {
        let bindings = registrar.register(request)
        return response(request, 200, "OK", source) { output in
            for binding in bindings {
                output.writeString("Contact: <\(binding.contact)>;expires=\(binding.expires)\r\n")
            }
            // RFC 3327 section 5.3: the registrar shows the Path that it will use.
            for field in request.headers where field.name == .path {
                output.writeImmutableBuffer(request.bytes.slice(field.line))
            }
        }
    }

    /// 200, and at once the NOTIFY that must follow it; 489 for an event that is not known here (RFC 6665 section 4.2.1).
    private func subscribe(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> [Action] {
        let event = DemoNotification.value("event", in: request) ?? DemoNotification.value("o", in: request)
        let package = event?.split(separator: ";").first.map { $0.filter { $0 != " " }.lowercased() }
        guard let event, let package, DemoNotification.events.contains(package) else {
            let known = DemoNotification.events.joined(separator: ", ")
            let refusal = response(request, 489, "Bad Event", source) { $0.writeString("Allow-Events: \(known)\r\n") }
            return [.send(refusal)]
        }
        let granted = min(request.number(.expires) ?? DemoNotification.longest, DemoNotification.longest)
        let accepted = response(request, 200, "OK", source, isInDialog: true) { output in
            output.writeString("Expires: \(granted)\r\n")
        }
        let notification = DemoNotification(
            subscribe: request,
            event: event,
            expires: granted,
            contact: contact,
            tag: request.to.tag.map { request.bytes.text($0) } ?? Self.text(ofTag: tag(request))
        )
        return [.send(accepted), .send(notification.bytes)]
    }

    private func tag(_ request: SIPMessage) -> UInt64 {
        DemoTransactionKey.hash(name + request.bytes.text(request.callID))
    }

    /// A tag as responses have it.
    private static func text(ofTag tag: UInt64) -> String {
        var text = ByteBuffer()
        text.writeHexadecimal(tag, digits: 16)
        return String(buffer: text)
    }

    /// The 200 to an INVITE: dialog headers and an SDP body, which RFC 3261 section 13.3.1 wants in it.
    private func accepted(_ request: SIPMessage, _ source: ResponseWriter.Source?) -> ByteBuffer {
        let empty = ByteBuffer(string: "Content-Length: 0\r\n\r\n")
        var output = response(request, 200, "OK", source, isInDialog: true)
        output.moveWriterIndex(to: max(output.readerIndex, output.writerIndex - empty.readableBytes))
        let body = DemoSession.description
        output.writeString("Content-Type: application/sdp\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return output
    }

    private func response(
        _ request: SIPMessage,
        _ status: UInt16,
        _ reason: String,
        _ source: ResponseWriter.Source?,
        isInDialog: Bool = false,
        extra: (inout ByteBuffer) -> Void = { _ in }
    ) -> ByteBuffer {
        ResponseWriter.response(
            to: request,
            status: status,
            reason: reason,
            tag: tag(request),
            source: source
        ) { output in
            if isInDialog {
                for field in request.headers where field.name == .recordRoute {
                    output.writeImmutableBuffer(request.bytes.slice(field.line))
                }
                output.writeString("Contact: <\(contact)>\r\n")
            }
            output.writeString("Server: \(name)\r\n")
            extra(&output)
        }
    }
}

/// The session that both sides of a demonstration call describe: no media flows.
enum DemoSession {
    static let description =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"
}
