// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// The bindings of a demonstration backend (RFC 3261 section 10.3, RFC 3327 section 5.3).
///
/// Nothing expires by itself; a demonstration is shorter than any registration.
package struct DemoRegistrar: Sendable {
    /// Where a user is reached.
    package struct Binding: Sendable, Hashable {
        package let contact: String
        /// The Path values from the top one on, each with its brackets.
        package let path: [String]
        /// Seconds.
        package let expires: UInt32
    }

    /// By address of record, as the To header field names it.
    package private(set) var bindings: [String: [Binding]] = [:]

    package init() {}

    /// Takes a REGISTER; returns the user's bindings after it.
    package mutating func register(_ request: SIPMessage) -> [Binding] {
        let user = request.bytes.text(request.to.uri)
        guard let contact = request.firstContact else {
            // `Contact: *` removes all; a REGISTER without Contact asks.
            if request.has(.contact) { bindings[user] = nil }
            return bindings[user] ?? []
        }
        let uri = request.bytes.text(contact.uri)
        let expires = Self.expires(request, contact)
        var known = bindings[user] ?? []
        known.removeAll { $0.contact == uri }
        if expires > 0 {
            let path = (request.routeValues(.path) ?? []).map { request.bytes.text($0.range) }
            known.append(Binding(contact: uri, path: path, expires: expires))
        }
        bindings[user] = known.isEmpty ? nil : known
        return known
    }

    /// The contact's own `expires` parameter, else the Expires header field, else an hour.
    private static func expires(_ request: SIPMessage, _ contact: NameAddress) -> UInt32 {
        let parameters = request.bytes.text(contact.range).lowercased().split(separator: ";").dropFirst()
        for parameter in parameters {
            let sides = parameter.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            if sides.count == 2, sides[0] == "expires", let seconds = UInt32(sides[1]) { return seconds }
        }
        return request.number(.expires) ?? 3600
    }
}
