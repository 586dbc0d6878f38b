// SPDX-License-Identifier: Apache-2.0

package import BackendPool
internal import NIOCore
internal import SIPMessage

/// What attempts tell of the load of their backends, for pools that balance by it.
extension ProxyCore {
    /// What this worker has under way at a backend; nothing for a pool that balances by weight alone.
    package func load(of backend: Int, in pool: PoolView) -> BackendLoad { loads.load(of: backend, in: pool) }

    /// Attempts that count as load of their backends at present.
    package var outstandingLoad: Int { loads.outstanding }

    /// An attempt is on its way: it counts until it has ended.
    func beginLoad(_ client: ClientTransaction) {
        guard let index = client.poolIndex, let pool = client.server.pool,
            let place = loads.place(of: index, in: pool)
        else { return }
        client.loadPlace = place
        loads.begin(place)
    }

    /// An attempt has its final, or will have none.
    func endLoad(_ client: ClientTransaction) {
        guard let place = client.loadPlace else { return }
        client.loadPlace = nil
        loads.end(place)
    }

    /// The first response to an attempt: how soon it came is the server's doing, what follows may be the callee's.
    ///
    /// A 5xx that comes at once is no sign of speed: it would draw the traffic to a server that refuses all of it.
    func observeLoad(_ client: ClientTransaction, status: UInt16, now: NIODeadline) {
        guard let place = client.loadPlace, client.state == .calling, !(500..<600).contains(status) else { return }
        loads.observe(now - client.sentAt, at: place, now: now)
    }

    /// Nothing was heard of an attempt all the time.
    func observeSilence(_ client: ClientTransaction, now: NIODeadline) {
        guard let place = client.loadPlace else { return }
        loads.observe(now - client.sentAt, at: place, now: now)
    }
}
