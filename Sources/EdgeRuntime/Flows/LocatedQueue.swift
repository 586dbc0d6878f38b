// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import Telemetry

/// Datagrams that are to leave from local addresses of choice, in their order.
///
/// What the kernel has no room for waits here, as what NIO sends waits there; the room comes within moments, for it is the
/// network's card that makes it.
struct LocatedQueue {
    /// Datagrams of one socket that wait for room at most; those beyond are lost.
    static let limit = 1024
    /// How long it is waited for before the next try.
    static let pause = TimeAmount.milliseconds(1)

    private var waiting: [LocatedDatagram] = []

    var isEmpty: Bool { waiting.isEmpty }

    mutating func append(_ datagram: LocatedDatagram) { waiting.append(datagram) }

    /// Sends what the kernel has room for, and says what is lost; what is left is to be tried again.
    mutating func flush(
        _ send: (LocatedDatagram) -> LocatedDatagram.Outcome,
        lost: (DropLabel) -> Void
    ) {
        var count = 0
        sending: while count < waiting.count {
            switch send(waiting[count]) {
            case .sent: count += 1
            case .noRoom: break sending
            case .lost(let reason):
                lost(reason)
                count += 1
            }
        }
        waiting.removeFirst(count)
        while waiting.count > Self.limit {
            waiting.removeLast()
            lost(.queueFull)
        }
    }

    /// Its socket is closed.
    mutating func abandon(lost: (DropLabel) -> Void) {
        for _ in waiting { lost(.deadFlow) }
        waiting = []
    }
}
