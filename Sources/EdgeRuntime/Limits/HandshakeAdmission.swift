// SPDX-License-Identifier: Apache-2.0

/// Paces new TLS connections: so many handshakes at a time that each can end before its deadline, while the others wait
/// in the kernel to be accepted (FLW-40).
struct HandshakeAdmission {
    /// Connections that one turn of the loop may still accept when it was said to be enough.
    static let overshoot = 16

    private(set) var underWay = 0
    private(set) var isPaused = false

    /// A connection was accepted; whether no more is to be accepted from now on.
    mutating func began(limit: Int) -> Bool {
        underWay += 1
        guard !isPaused, underWay + Self.overshoot > limit else { return false }
        isPaused = true
        return true
    }

    /// A handshake has ended, whichever way; whether connections may be accepted again.
    mutating func ended(limit: Int) -> Bool {
        underWay -= 1
        guard isPaused, underWay + 2 * Self.overshoot <= limit else { return false }
        isPaused = false
        return true
    }
}
