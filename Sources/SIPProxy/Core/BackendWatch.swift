// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Requests that a server answers in much the same time; how soon one kind is answered says nothing of the others.
enum RequestKind: Int, CaseIterable {
    case invite
    case register
    case options
    /// All others, which have too little in common for a usual time.
    case other

    init(_ method: SIPMethod) {
        self =
            switch method {
            case .invite: .invite
            case .register: .register
            case .options: .options
            default: .other
            }
    }
}

/// What one worker has seen of one backend.
final class BackendWatch {
    let id: BackendID
    /// Attempts that have had no response yet.
    var outstanding = 0
    var lastHeard: NIODeadline?
    var isSuspect = false
    var hold: Hold?
    /// When it last refused a connection, or a snapshot said that it is not usable.
    var goneAt: NIODeadline?
    var waits = [Wait](repeating: Wait(), count: RequestKind.allCases.count)

    /// How long requests of one kind wait for a first response.
    struct Wait {
        /// When the first one left since the backend was last heard.
        var silentSince: NIODeadline?
        /// The smoothed time to a first response; nil before there was one.
        var usual: TimeAmount?
    }

    /// A backend that failed is passed by.
    struct Hold {
        var until: NIODeadline
        /// Whether an answer proves it wrong; one that asks for rest answers all the same.
        let endsByAnswer: Bool
        /// Whether a snapshot has said since that the backend is not usable.
        var wasConfirmed = false
    }

    init(_ id: BackendID) { self.id = id }

    /// Whether requests of one kind have waited for longer than they may.
    func isSilent(at now: NIODeadline) -> Bool {
        for place in waits.indices {
            guard let since = waits[place].silentSince, let kind = RequestKind(rawValue: place) else { continue }
            if now - since >= silence(kind) { return true }
        }
        return false
    }

    /// How long it may say nothing while it is asked for this.
    private func silence(_ kind: RequestKind) -> TimeAmount {
        guard kind != .other, let usual = waits[kind.rawValue].usual else { return LocalHealth.longestSilence }
        return min(max(usual * LocalHealth.silenceFactor, LocalHealth.shortestSilence), LocalHealth.longestSilence)
    }

    func endSilence() {
        for place in waits.indices where waits[place].silentSince != nil { waits[place].silentSince = nil }
    }
}
