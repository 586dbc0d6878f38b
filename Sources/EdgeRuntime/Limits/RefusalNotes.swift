// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import Telemetry

/// Which refusals the log is told of: of each limit one in so much time, with how many there were since the one before.
package struct RefusalNotes: Sendable {
    /// The least time between two lines about one limit.
    package static let interval = TimeAmount.seconds(5)

    private struct Note {
        var next = NIODeadline.distantPast
        var count: UInt64 = 0
    }

    private var notes = [Note](repeating: Note(), count: LimitLabel.allCases.count)

    package init() {}

    /// Counts a refusal; gives how many the log is to be told of now, or nil for not yet.
    package mutating func note(_ limit: LimitLabel, now: NIODeadline) -> UInt64? {
        let index = limit.rawValue
        notes[index].count &+= 1
        guard now >= notes[index].next else { return nil }
        defer { notes[index] = Note(next: now + Self.interval) }
        return notes[index].count
    }
}

extension LimitLabel {
    /// The key that sets it, where it has one.
    var key: String {
        switch self {
        case .rateRegister: "limits.rates.register"
        case .rateInvite: "limits.rates.invite"
        case .rateOther: "limits.rates.other"
        case .rateOptions: "limits.rates.options"
        case .rateBytes: "limits.rates.bytes"
        case .rateNetwork: "limits.rates.network_factor"
        case .rateConnection: "limits.rates.connection"
        case .rateHandshakes: "limits.rates.handshakes"
        case .rateIdentity: "limits.rates.identity"
        case .rateTotal: "limits.rates.total"
        case .descriptors: "LimitNOFILE"
        default: "limits.\(label)"
        }
    }
}
