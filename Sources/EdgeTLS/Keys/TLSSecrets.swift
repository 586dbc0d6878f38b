// SPDX-License-Identifier: Apache-2.0

/// What all contexts of a process share, and a reload passes on.
package struct TLSSecrets: Sendable {
    /// The keys under the tickets that servers give out.
    package let tickets: TicketKeys
    /// Where the secrets of all connections are written, for captures that must be read; nil, as always but then.
    package let keyLog: KeyLog?
    /// What servers staple.
    package let staples: Staples

    package init(tickets: TicketKeys = TicketKeys(), keyLog: KeyLog? = nil, staples: Staples = Staples()) {
        self.tickets = tickets
        self.keyLog = keyLog
        self.staples = staples
    }
}
