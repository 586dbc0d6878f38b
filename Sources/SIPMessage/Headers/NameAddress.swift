// SPDX-License-Identifier: Apache-2.0

/// A From, To, Contact, Route or Record-Route value: an optional display name, a URI and header parameters (RFC 3261
/// section 20.10).
package struct NameAddress: Sendable, Hashable {
    /// The whole value.
    package internal(set) var range: ByteRange
    /// The URI, without angle brackets.
    package internal(set) var uri: ByteRange
    /// The `tag` parameter's value.
    package internal(set) var tag: ByteRange?
    /// Whether a `reg-id` parameter stands in it (RFC 5626 section 4.2).
    package internal(set) var hasRegistrationID = false
    /// Where the next value of a list begins.
    package internal(set) var nextValueStart: Int?
}
