// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What Brana writes of itself, rendered once a snapshot, so that a message only copies bytes.
final class RenderedListeners: Sendable {
    /// One listener's texts.
    struct Listener: Sendable {
        let identity: ListenerIdentity
        /// `host` or `host:port` as sent-by.
        let sentBy: ByteBuffer
        /// Its host in lower case, and as an address when it is one.
        let host: ByteBuffer
        let hostAddress: IPAddress?
        /// What follows the user part of a sip Record-Route or Path URI: host, port and transport parameter.
        let sipHost: ByteBuffer
        /// The same for a sips URI, which needs no transport parameter.
        let sipsHost: ByteBuffer
        /// The user part of its Record-Route URIs towards servers that may have nothing relayed but within dialogs.
        let mark: ByteBuffer
    }

    /// A port and transport by which others may name us.
    private struct Place: Hashable {
        let port: UInt16
        let transport: SIPTransport
    }

    private let listeners: [Listener]
    private let byID: [Listener?]
    /// Whether clients come in by a listener, by its number.
    private let access: [Bool]
    private let roles: [ListenerIdentity.Role]
    private let hosts: Set<String>
    private let addresses: Set<IPAddress>
    private let places: [Place]
    private let own: OwnListeners

    init(_ snapshot: ProxySnapshot) {
        listeners = snapshot.listeners.map { Self.render($0, snapshot.tokens) }
        var byID = [Listener?](repeating: nil, count: 256)
        for listener in listeners { byID[Int(listener.identity.id.index)] = listener }
        self.byID = byID
        access = byID.map { $0?.identity.isAccess ?? false }
        roles = byID.map { $0?.identity.role ?? .access }
        // Dialogs outlive the listener that they came by: its Record-Route must still be known as our own.
        let all = snapshot.listeners + snapshot.formerListeners
        hosts = Set(all.map { $0.advertisedHost.lowercased() } + snapshot.settings.domains)
        addresses = Set(all.map(\.address).filter { !$0.isUnsendable })
        let named = all.flatMap { listener in
            [listener.port, listener.advertisedPort].compactMap { port in
                port.map { Place(port: $0, transport: listener.transport) }
            }
        }
        places = Array(Set(named))
        let sockets = snapshot.listeners.map { listener in
            Endpoint(transport: listener.transport, address: listener.address, port: listener.port)
        }
        own = OwnListeners(sockets, hostAddresses: snapshot.hostAddresses)
    }

    subscript(id: ListenerID) -> Listener? { byID[Int(id.index)] }

    /// Whether clients come in by that listener.
    func isAccess(_ id: ListenerID) -> Bool { access[Int(id.index)] }

    /// Who comes in by a listener; by one that is no longer there nobody in particular.
    func role(of id: ListenerID) -> ListenerIdentity.Role { roles[Int(id.index)] }

    /// The listener that Via, Record-Route and Path name towards a next hop: the pool's choice, else one of the same
    /// transport, of its address family before others (TRN-52) and inner ones first, else any.
    ///
    /// Datagrams leave from a UDP listener's address, whatever the pool's choice is for other transports.
    func facing(_ endpoint: Endpoint, policy: ForwardingPolicy) -> Listener? {
        if let chosen = policy.listeners[endpoint.transport], let listener = self[chosen],
            endpoint.transport != .udp || listener.identity.sends(to: endpoint)
        {
            return listener
        }
        func first(_ passes: (ListenerIdentity) -> Bool) -> Listener? {
            var found: Listener?
            for listener in listeners where passes(listener.identity) {
                if listener.identity.role == .inner { return listener }
                let isBetter = listener.identity.role == .peer && found?.identity.role != .peer
                if found == nil || isBetter { found = listener }
            }
            return found
        }
        return first { $0.transport == endpoint.transport && $0.reaches(endpoint.address) }
            ?? first { $0.transport == endpoint.transport }
            ?? listeners.first { $0.identity.role == .inner } ?? listeners.first
    }

    /// Whether a URI names this edge: by its host, and by the port and transport of one listener as far as it has them
    /// (PRX-18).
    func owns(_ uri: SIPURI, in message: SIPMessage) -> Bool {
        hasPlace(uri, message) && serves(uri, in: message.bytes)
    }

    private func hasPlace(_ uri: SIPURI, _ message: SIPMessage) -> Bool {
        let transport = message.transport(of: uri)
        guard uri.transport == nil || transport != nil else { return false }
        guard uri.port != nil || transport != nil else { return true }
        return places.contains { place in
            (uri.port == nil || uri.port == place.port) && (transport == nil || transport == place.transport)
        }
    }

    /// Whether the value of a `maddr` parameter is an address or name of this edge.
    func hasAddress(_ maddr: ByteRange, of message: SIPMessage) -> Bool {
        if let address = message.address(maddr) {
            return addresses.contains(address.unmapped) || hosts.contains(address.hostText)
        }
        return hosts.contains(Self.name(message.bytes.text(maddr)))
    }

    /// Whether a listener of this edge is bound there.
    func listens(at endpoint: Endpoint) -> Bool { own.contains(endpoint) }

    /// Whether a host is one of the domains and names of this edge, whatever the port.
    func serves(_ uri: SIPURI, in bytes: ByteBuffer) -> Bool {
        if let address = uri.address { return addresses.contains(address.unmapped) || hosts.contains(address.hostText) }
        return hosts.contains(Self.name(bytes.text(uri.host)))
    }

    /// A host name in lower case, without a trailing dot (MSG-45).
    static func name(_ text: String) -> String {
        let lower = text.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    private static func render(_ identity: ListenerIdentity, _ tokens: TokenAuthenticator) -> Listener {
        let port = identity.advertisedPort.map { ":\($0)" } ?? ""
        let host = identity.advertisedHost + port
        let parameter =
            switch identity.transport {
            case .udp: ""
            case .tcp: ";transport=tcp"
            // A name without a port says TLS by its NAPTR and SRV records; with a port only the parameter can, and most
            // user agents understand it (PRX-34, a documented deviation).
            case .tls: identity.advertisedPort == nil ? "" : ";transport=tls"
            }
        return Listener(
            identity: identity,
            sentBy: ByteBuffer(string: host),
            host: ByteBuffer(string: identity.advertisedHost.lowercased()),
            hostAddress: IPAddress(parsing: identity.advertisedHost.trimmingBrackets)?.unmapped,
            sipHost: ByteBuffer(string: host + parameter),
            sipsHost: ByteBuffer(string: host),
            mark: FlowToken(markOf: identity).sealed(by: tokens)
        )
    }
}

extension RenderedListeners.Listener {
    /// Whether the topmost Via of a response is sent by this listener: hosts in any case, addresses by value, and the
    /// transport's port where none is named (TRN-35).
    func isSentBy(_ response: SIPMessage, over transport: SIPTransport) -> Bool {
        let via = response.topmostVia
        guard (via.port ?? transport.defaultPort) == (identity.advertisedPort ?? transport.defaultPort) else {
            return false
        }
        if let address = via.address { return address.unmapped == hostAddress }
        return response.bytes.equalsIgnoringCase(via.host, host)
    }
}

extension String {
    /// An IPv6 address as it stands in a URI, without its brackets.
    fileprivate var trimmingBrackets: Substring {
        hasPrefix("[") && hasSuffix("]") ? dropFirst().dropLast() : self[...]
    }
}

extension ByteBuffer {
    /// Whether the bytes of `range` are those of `other`, whose letters are lower case, in any case.
    fileprivate func equalsIgnoringCase(_ range: ByteRange, _ other: ByteBuffer) -> Bool {
        guard range.count == other.readableBytes else { return false }
        return withUnsafeReadableBytes { left in
            other.withUnsafeReadableBytes { right in
                guard range.end <= left.count else { return false }
                return left[range.start..<range.end].elementsEqual(right) { byte, lower in
                    byte == lower || (byte | 0x20 == lower && lower >= 0x61 && lower <= 0x7A)
                }
            }
        }
    }
}
