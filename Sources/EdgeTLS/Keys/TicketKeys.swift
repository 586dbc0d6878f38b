// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Synchronization

/// The keys under session tickets: tickets are made with the first, and opened with any (TLS-05).
///
/// They are asked once a handshake, from any event loop.
package final class TicketKeys: Sendable {
    /// The current key and two before it.
    package static let limit = 3
    /// How often a process makes a new key of its own, if nothing else is said.
    package static let standardRotation: Int64 = 12 * 3600

    private struct State {
        var keys: [TicketKey]
        /// Seconds since 1970.
        var madeAt: Int64
    }

    private let state: Mutex<State>
    /// Seconds after which a new key takes over; nil for keys that others set.
    private let rotation: Int64?

    /// Keys that are given, the current one first; they stay until others are given.
    package init(_ keys: [TicketKey]) {
        self.state = Mutex(State(keys: Array(keys.prefix(Self.limit)), madeAt: 0))
        self.rotation = nil
    }

    /// Random keys of this process.
    ///
    /// - Parameter rotation: seconds after which a new one takes over.
    package init(rotation: Int64 = TicketKeys.standardRotation) {
        self.state = Mutex(State(keys: [], madeAt: 0))
        self.rotation = rotation
    }

    private init(_ state: State, rotation: Int64) {
        self.state = Mutex(state)
        self.rotation = rotation
    }

    /// The keys for a process that goes on with random ones after a reload: these, unless they were given by others.
    package func continued(rotation: Int64) -> TicketKeys {
        guard self.rotation != nil else { return TicketKeys(rotation: rotation) }
        return TicketKeys(self.state.withLock { $0 }, rotation: rotation)
    }

    /// The key for new tickets; nil when OpenSSL can make none.
    func current(now: Int64) -> TicketKey? {
        self.state.withLock { state in
            if let rotation, state.keys.isEmpty || now >= state.madeAt &+ rotation || now < state.madeAt,
                let new = TicketKey.random()
            {
                state.keys = Array(([new] + state.keys).prefix(Self.limit))
                state.madeAt = now
            }
            return state.keys.first
        }
    }

    /// The key of that name, and whether new tickets are made with it; nil when it is forgotten or never was.
    func key(named name: UnsafeBufferPointer<UInt8>) -> (key: TicketKey, isCurrent: Bool)? {
        self.state.withLock { state in
            guard let index = state.keys.firstIndex(where: { name.elementsEqual($0.name) }) else { return nil }
            return (state.keys[index], index == 0)
        }
    }

    /// What OpenSSL's callback says: it failed, do a full handshake, all is well, all is well but give a new ticket.
    private enum Verdict {
        static let failed: Int32 = -1
        static let unknown: Int32 = 0
        static let good: Int32 = 1
        static let renew: Int32 = 2
    }

    /// OpenSSL calls this for each ticket that is made or shown.
    static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?,
            Int32
        ) -> Int32 = { ssl, name, vector, cipher, mac, isMade in
            guard
                let keys = OpenSSLLibrary.shared.connection(of: ssl)?.context.secrets.tickets,
                let name, let vector, let cipher, let mac
            else { return Verdict.failed }
            if isMade == 1 {
                // Without a key there is no ticket, and the handshake goes on.
                guard let key = keys.current(now: UnixTime.now) else { return Verdict.unknown }
                return key.seal(name: name, vector: vector, cipher, mac) ? Verdict.good : Verdict.failed
            }
            let wanted = UnsafeBufferPointer(start: name, count: TicketKey.nameLength)
            guard let found = keys.key(named: wanted) else { return Verdict.unknown }
            guard found.key.open(vector: vector, cipher, mac) else { return Verdict.failed }
            // One of version 1.3 is of use once, and a client that resumes is given the next (RFC 8446 appendix C.4).
            let isSpent = !found.isCurrent || SSL_version(ssl) >= TLSVersion.tls13.rawValue
            return isSpent ? Verdict.renew : Verdict.good
        }
}
