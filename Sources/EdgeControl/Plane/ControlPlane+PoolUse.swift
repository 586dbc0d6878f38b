// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import Logging
internal import NIOCore

/// Whether pools can serve at all: the log is told when one no longer can, and when it can again.
extension ControlPlane {
    /// Looks whether a pool has a usable backend, after something has changed.
    ///
    /// A pool that has none because it has never had a backend is told of elsewhere.
    func noteUse(of pool: ManagedPool, because reason: String) {
        let count = pool.state.membership.publishedCount
        let isUsable = pool.state.view(now: .now()).backends.contains(where: \.isUsable)
        let wasUsable = pool.isUsable
        guard isUsable != wasUsable, isUsable || wasUsable != nil || count > 0 else { return }
        pool.isUsable = isUsable
        let name = pool.settings.name
        if !isUsable {
            logger.error(
                "pool has no usable backend",
                metadata: ["pool": "\(name)", "backends": "\(count)", "reason": "\(reason)"]
            )
        } else if wasUsable == false {
            logger.notice(
                "pool has a usable backend again",
                metadata: ["pool": "\(name)", "backends": "\(count)", "reason": "\(reason)"]
            )
        }
    }
}
