// SPDX-License-Identifier: Apache-2.0

/// The scheme of a URI, as far as an edge treats schemes differently.
package enum URIScheme: UInt8, Sendable, Hashable {
    case sip
    case sips
    case tel
    case urn
    case other
}

/// A SIP or SIPS URI as ranges over the message that holds it (RFC 3261 section 19.1).
///
/// The user part is opaque; nothing is unescaped. For another scheme only `scheme` and `range` mean something.
package struct SIPURI: Sendable, Hashable {
    package internal(set) var scheme: URIScheme
    /// The whole URI.
    package internal(set) var range: ByteRange
    /// The part before `@`, password included; empty when there is none.
    package internal(set) var user: ByteRange = .empty
    /// The host without brackets.
    package internal(set) var host: ByteRange = .empty
    /// The host as an address, when it is one.
    package internal(set) var address: IPAddress?
    package internal(set) var port: UInt16?
    /// The value of the `transport` parameter.
    package internal(set) var transport: ByteRange?
    /// The value of the `maddr` parameter.
    package internal(set) var maddr: ByteRange?
    /// The value of Brana's own `ep` parameter, which pairs two Record-Route values of one insertion (PRX-19).
    package internal(set) var pairing: ByteRange?
    /// Whether the URI asks for loose routing (`lr`, with or without a value: MSG-36).
    package internal(set) var isLoose = false
    /// Whether the `ob` parameter stands in it (RFC 5626 section 5.3).
    package internal(set) var hasOutbound = false
    /// Whether a `method` parameter stands in it, which a Request-URI must not have (RFC 3261 table 1).
    package internal(set) var hasMethod = false
    /// Whether `?header=value` pairs follow, which a Request-URI must not have.
    package internal(set) var hasHeaders = false
    /// The end of the parameters, where `?` or the URI's end is.
    package internal(set) var parametersEnd: UInt32 = 0
    /// The place where the parameters begin, at the first `;` behind host and port.
    package internal(set) var parametersStart: UInt32 = 0

    /// Whether the URI is a `sip` or `sips` one.
    @inlinable
    package var isSIP: Bool { scheme == .sip || scheme == .sips }
}
