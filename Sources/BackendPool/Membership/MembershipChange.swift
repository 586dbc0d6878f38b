// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What one DNS answer changed in a pool.
package struct MembershipChange: Sendable, Hashable {
    /// Never seen before, or forgotten meanwhile.
    package var added: [Endpoint] = []
    /// Published before and now.
    package var kept: [Endpoint] = []
    /// Those of ``kept`` whose rank, priority, weight, name or domain is another now.
    package var reweighted: [Endpoint] = []
    /// No longer published: no new requests, dialogs go on, state is kept for the drain time (LOC-51, LOC-55).
    package var draining: [Endpoint] = []
    /// Published again before they were forgotten.
    package var returned: [Endpoint] = []
    /// Draining ones that were forgotten early because too many drain.
    package var forgotten: [Endpoint] = []
    /// Records that named an endpoint which another record of the answer has named.
    package var duplicates = 0
    /// Backends beyond the limit, left out.
    package var truncated = 0
    /// Whether more than half of the backends vanished at once (LOC-65): taken, but worth an event.
    package var lostMajority = false

    package init() {}

    /// Whether the pool is as it was.
    package var isEmpty: Bool { added.isEmpty && reweighted.isEmpty && draining.isEmpty && returned.isEmpty }
}
