// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What is known of calls beside what their agents know.
final class CallBook {
    private unowned let world: World
    /// Whose dialog is over, by Call-ID.
    var over: Set<String> = []
    /// Who was sent an INVITE, by its branch.
    var seen: [String: String] = [:]
    /// Whose INVITE was answered with a provisional by some backend: after that no other one is tried.
    private var heard: Set<String> = []
    /// Of which a datagram was lost, or whose client was away for a while.
    private(set) var disturbed: Set<String> = []

    init(_ world: World) { self.world = world }

    func hasHeard(_ callID: String) -> Bool { heard.contains(callID) }

    func noteHeard(_ callID: String) {
        guard heard.insert(callID).inserted else { return }
        world.agenda.after(.seconds(700)) { self.heard.remove(callID) }
    }

    func noteLost(_ callID: String) {
        guard disturbed.insert(callID).inserted else { return }
        world.agenda.after(.seconds(700)) { self.disturbed.remove(callID) }
    }
}
