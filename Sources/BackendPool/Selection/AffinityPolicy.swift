// SPDX-License-Identifier: Apache-2.0

/// What of a request decides its backend, so that requests which belong together meet the same one (LOC-56).
package enum AffinityPolicy: String, Sendable, Hashable, CaseIterable {
    /// Every request is drawn afresh.
    case none
    /// The Call-ID: all requests of one call, and a request repeated with credentials (OVL-58).
    case callID = "call-id"
    /// The From address-of-record.
    case from
    /// The To address-of-record: a registrar's user.
    case to
    /// The client's address.
    case source
    /// The client's connection.
    case flow
}
