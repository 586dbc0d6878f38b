// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// A flow token (RFC 5626 section 5.2, FLW-11): it names exactly one flow of this process and cannot be forged.
///
/// Body: version, key id, transport, listener, the flow's number in eight octets, remote address and port; then the
/// first 16 octets of HMAC-SHA-256 over the body; all in base64url without padding. Version 2 has eight octets more behind
/// the flow's number: whom the client's certificate proves.
package struct FlowToken: Sendable, Hashable {
    package let flow: FlowID
    package let transport: SIPTransport
    package let listener: ListenerID
    package let address: IPAddress
    package let port: UInt16
    /// Whose the flow is; nil where no certificate proves anybody.
    package let identity: Identity?

    package init(
        flow: FlowID,
        transport: SIPTransport,
        listener: ListenerID,
        address: IPAddress,
        port: UInt16,
        identity: Identity? = nil
    ) {
        self.identity = identity
        self.flow = flow
        self.transport = transport
        self.listener = listener
        self.address = address
        self.port = port
    }

    /// A mark: it names no flow, and shows no more than that the edge has written it for a dialog by that listener.
    init(markOf listener: ListenerIdentity) {
        self.init(
            flow: Self.noFlow,
            transport: listener.transport,
            listener: listener.id,
            address: .v4(0),
            port: 0
        )
    }

    var isMark: Bool { flow == Self.noFlow }

    /// No flow has this number: their serials begin far above it.
    private static let noFlow = FlowID(rawValue: 0)

    /// The names that a client's certificate proves, in any order, as a keyed digest (FLW-26).
    package struct Identity: Sendable, Hashable {
        let keyID: UInt8
        let digest: UInt64

        /// Nil where there are no names, or no such key.
        package init?(of names: [String], keyID: UInt8, by authenticator: TokenAuthenticator) {
            guard !names.isEmpty else { return nil }
            // No name has a line end, and no body of a token begins like this.
            let text = "identity\n" + names.sorted().joined(separator: "\n")
            let mac = ByteBuffer(string: text).withUnsafeReadableBytes { authenticator.mac(keyID, $0) }
            guard let mac else { return nil }
            self.init(keyID: keyID, digest: mac.0)
        }

        init(keyID: UInt8, digest: UInt64) {
            self.keyID = keyID
            self.digest = digest
        }
    }

    /// Whether its client proved just these names.
    func isOf(_ names: [String], by authenticator: TokenAuthenticator) -> Bool {
        guard let identity else { return false }
        return identity == Identity(of: names, keyID: identity.keyID, by: authenticator)
    }

    /// What a text turned out to be.
    package enum Verdict: Sendable, Hashable {
        case valid(FlowToken)
        /// It has the length of a token, and its MAC is wrong, its key unknown or its form none of ours (FLW-15, FLW-16).
        case forged
        /// It is something else.
        case notAToken
    }

    /// The token's text under the current key; empty when there is no such key.
    package func sealed(by authenticator: TokenAuthenticator) -> ByteBuffer {
        var body = ByteBuffer()
        // The digest of another key's is of no use under this one.
        let identity = identity.flatMap { $0.keyID == authenticator.currentKeyID ? $0 : nil }
        body.writeInteger(UInt8(identity == nil ? 1 : 2))
        body.writeInteger(authenticator.currentKeyID)
        body.writeInteger(transport.rawValue)
        body.writeInteger(listener.index)
        body.writeInteger(flow.rawValue)
        if let identity { body.writeInteger(identity.digest) }
        switch address {
        case .v4(let value): body.writeInteger(value)
        case .v6(let high, let low): body.writeMultipleIntegers(high, low)
        }
        body.writeInteger(port)
        let mac = body.withUnsafeReadableBytes { authenticator.mac(authenticator.currentKeyID, $0) }
        guard let mac else { return ByteBuffer() }
        body.writeMultipleIntegers(mac.0, mac.1)
        return Base64URL.encode(body)
    }

    /// Characters of the texts, of both address families and versions.
    private static let lengths = [46, 62, 56, 72]

    /// Checks the text in `range`.
    package static func open(_ bytes: ByteBuffer, _ range: ByteRange, by authenticator: TokenAuthenticator) -> Verdict {
        // A user part of this length on a name of ours is a token or an attempt at one.
        guard lengths.contains(range.count) else { return .notAToken }
        guard let raw = Base64URL.decode(bytes.slice(range)) else { return .forged }
        var body = raw
        guard let version: UInt8 = body.readInteger(), version == 1 || version == 2,
            let key: UInt8 = body.readInteger(),
            let transportCode: UInt8 = body.readInteger(), let transport = SIPTransport(rawValue: transportCode),
            let listener: UInt8 = body.readInteger(), let flow: UInt64 = body.readInteger(),
            let identity = version == 1 ? 0 : body.readInteger(as: UInt64.self), let address = readAddress(&body),
            let port: UInt16 = body.readInteger(),
            let first: UInt64 = body.readInteger(), let second: UInt64 = body.readInteger()
        else { return .forged }
        let mac = raw.withUnsafeReadableBytes {
            authenticator.mac(key, UnsafeRawBufferPointer(rebasing: $0.dropLast(16)))
        }
        // One comparison of all bits, whatever the first difference is.
        guard let mac, (mac.0 ^ first) | (mac.1 ^ second) == 0 else { return .forged }
        return .valid(
            FlowToken(
                flow: FlowID(rawValue: flow),
                transport: transport,
                listener: ListenerID(index: listener),
                address: address,
                port: port,
                identity: version == 1 ? nil : Identity(keyID: key, digest: identity)
            )
        )
    }

    private static func readAddress(_ body: inout ByteBuffer) -> IPAddress? {
        // What is left holds the address, the port and sixteen octets of MAC.
        if body.readableBytes == 22 { return body.readInteger().map { IPAddress.v4($0) } }
        guard body.readableBytes == 34, let high: UInt64 = body.readInteger(), let low: UInt64 = body.readInteger()
        else {
            return nil
        }
        return .v6(high: high, low: low)
    }
}
