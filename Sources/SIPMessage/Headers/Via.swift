// SPDX-License-Identifier: Apache-2.0

/// One value of the Via header field (RFC 3261 section 20.42), as ranges over the message.
package struct Via: Sendable, Hashable {
    /// The `rport` parameter (RFC 3581).
    package enum ReturnPort: Sendable, Hashable {
        case absent
        /// `;rport` without a value: the sender asks for it.
        case requested
        case value(UInt16)
    }

    /// The value from its sent-protocol to the end of its parameters.
    package internal(set) var range: ByteRange
    /// Where the next value of the same field begins, when the field lists several.
    package internal(set) var nextValueStart: UInt32?
    /// The transport of the sent-protocol; nil for one that this edge does not speak.
    package internal(set) var transport: SIPTransport?
    package internal(set) var host: ByteRange = .empty
    package internal(set) var address: IPAddress?
    package internal(set) var port: UInt16?
    package internal(set) var branch: ByteRange?
    /// The value of `received`.
    package internal(set) var received: ByteRange?
    /// The whole `;received=…` parameter.
    package internal(set) var receivedParameter: ByteRange?
    package internal(set) var returnPort: ReturnPort = .absent
    /// The whole `;rport` parameter.
    package internal(set) var returnPortParameter: ByteRange?
    package internal(set) var maddr: ByteRange?
    /// The `keep` parameter without a value: the sender offers keep-alives (RFC 6223).
    package internal(set) var offersKeepAlive = false
    /// The `alias` parameter: the sender offers its connection for requests back (RFC 5923).
    package internal(set) var offersAlias = false
    /// Whether a parameter of overload control is there: `oc`, `oc-algo`, `oc-validity` or `oc-seq` (RFC 7339).
    package internal(set) var hasOverload = false

    /// The sent-by port, or the default of the transport.
    package var effectivePort: UInt16 { port ?? (transport ?? .udp).defaultPort }
}
