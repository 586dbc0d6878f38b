// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// The caller's side of one demonstration call: the requests it sends, written from what it knows of the dialog
/// (RFC 3261 section 12).
package struct DemoDialog: Sendable {
    /// Who calls whom, and what the caller's Via and Contact say.
    package struct Party: Sendable {
        /// The calling user and the domain that both are in.
        package let user: String
        package let domain: String
        package let callee: String
        /// Transport token of the Via, and host and port that the caller is reached at.
        package let transport: SIPTransport
        package let address: String
        package let port: Int

        package init(
            user: String,
            domain: String,
            callee: String,
            transport: SIPTransport,
            address: String,
            port: Int
        ) {
            self.user = user
            self.domain = domain
            self.callee = callee
            self.transport = transport
            self.address = address
            self.port = port
        }

        /// The address of record.
        var identity: String { "sip:\(user)@\(domain)" }

        var contact: String {
            "<sip:\(user)@\(hostPort);transport=\(transport.name)>"
        }

        var hostPort: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
    }

    private let party: Party
    private let callID: String
    private let localTag: String
    private var sequence: UInt32 = 1
    private var remoteTag: String?
    private var target: String
    private var routes: [String] = []

    /// A call that has not begun; `serial` makes its Call-ID and tag its own.
    package init(party: Party, serial: String) {
        self.party = party
        callID = "\(serial)@\(party.domain)"
        localTag = "c\(serial)"
        target = "sip:\(party.callee)@\(party.domain)"
    }

    /// The REGISTER of the party's user for `expires` seconds (RFC 3261 section 10.2, RFC 3327 section 5.1).
    package func register(branch: String, expires: Int) -> ByteBuffer {
        let own = "From: <\(party.identity)>;tag=\(localTag)\r\nTo: <\(party.identity)>\r\n"
        let extra = "Contact: \(party.contact)\r\nExpires: \(expires)\r\nSupported: path\r\n"
        return request("REGISTER", "sip:\(party.domain)", branch, parties: own, extra: extra)
    }

    /// The INVITE that begins the call, with an SDP offer.
    package func invite(branch: String) -> ByteBuffer {
        let extra = "Contact: \(party.contact)\r\nContent-Type: application/sdp\r\n"
        return request("INVITE", target, branch, parties: fromAndTo, extra: extra, body: DemoSession.description)
    }

    /// Takes the 2xx: the peer's tag, its Contact as target, and the route set (RFC 3261 section 12.1.2).
    /// - Returns: whether the 2xx makes a dialog.
    package mutating func established(by response: SIPMessage) -> Bool {
        guard
            let tag = response.to.tag,
            let contact = response.firstContact,
            let recorded = response.routeValues(.recordRoute)
        else { return false }
        remoteTag = response.bytes.text(tag)
        target = response.bytes.text(contact.uri)
        routes = recorded.reversed().map { response.bytes.text($0.range) }
        if let first = recorded.last, !first.uri.isLoose {
            // A strict router in front: it wants itself in the Request-URI and the target last (section 12.2.1.1).
            routes = Array(routes.dropFirst()) + ["<\(target)>"]
            target = response.bytes.text(first.uri.range)
        }
        return true
    }

    /// The ACK for the 2xx, a request of its own with a branch of its own (RFC 3261 section 13.2.2.4).
    package func ack(branch: String) -> ByteBuffer {
        request("ACK", target, branch, parties: fromAndTo)
    }

    /// The BYE that ends the call.
    package mutating func bye(branch: String) -> ByteBuffer {
        sequence &+= 1
        return request("BYE", target, branch, parties: fromAndTo)
    }

    private var fromAndTo: String {
        let tag = remoteTag.map { ";tag=\($0)" } ?? ""
        return "From: <\(party.identity)>;tag=\(localTag)\r\nTo: <sip:\(party.callee)@\(party.domain)>\(tag)\r\n"
    }

    private func request(
        _ method: String,
        _ uri: String,
        _ branch: String,
        parties: String,
        extra: String = "",
        body: String = ""
    ) -> ByteBuffer {
        let via = "SIP/2.0/\(party.transport.viaToken) \(party.hostPort);branch=z9hG4bK\(branch);rport"
        var text = "\(method) \(uri) SIP/2.0\r\nVia: \(via)\r\nMax-Forwards: 70\r\n"
        for route in routes { text += "Route: \(route)\r\n" }
        text += "\(parties)Call-ID: \(callID)\r\nCSeq: \(sequence) \(method)\r\n\(extra)"
        text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        return ByteBuffer(string: text)
    }
}
