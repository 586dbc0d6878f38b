// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How long a backend may stay silent before the next one is tried (LOC-63): short enough that a second backend can
/// still answer within the caller's 32 seconds.
package struct FirstResponseLimits: Sendable, Hashable {
    /// Until a provisional or final response to an INVITE.
    package var invite: TimeAmount
    /// Until a response to any other request.
    package var nonInvite: TimeAmount

    package init(invite: TimeAmount = .seconds(4), nonInvite: TimeAmount = .seconds(4)) {
        self.invite = invite
        self.nonInvite = nonInvite
    }
}
