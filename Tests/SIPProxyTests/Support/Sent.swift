// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One message that left the core.
struct Sent: Sendable {
    /// Milliseconds since the bench began.
    let at: Int
    /// `B1` for a backend, the name of a client's flow, or `address:port` for a datagram.
    let to: String
    /// The backend, when it left by `sendToBackend` or on a backend's flow.
    let endpoint: Endpoint?
    /// The flow, when it left on a particular one.
    let flow: FlowID?
    let attempt: AttemptID?
    let isDatagram: Bool
    let bytes: ByteBuffer
    let wire: Wire

    var method: String { wire.method }
    var status: Int { wire.status }
}

extension [Sent] {
    func to(_ name: String) -> [Sent] { filter { $0.to == name } }
    func methods(_ name: String) -> [Sent] { filter { $0.method == name } }
    var statuses: [Int] { map(\.status) }
    /// Statuses of the responses among them.
    var answers: [Int] { filter { $0.status > 0 }.statuses }
    /// Who was sent a request, in order, as `INVITE B1`.
    var requests: [String] { filter { $0.status == 0 }.map { "\($0.method) \($0.to)" } }

    /// Whether they left at these seconds, each at most one slot of the timer wheel late (TXN-02); `turns` slots where
    /// as many timers ran one after another.
    func left(at seconds: [Double], turns: Int = 1) -> Bool {
        count == seconds.count
            && zip(self, seconds).allSatisfy { sent, second in
                let due = Int((second * 1000).rounded())
                return sent.at >= due && sent.at <= due + 10 * turns
            }
    }
}
