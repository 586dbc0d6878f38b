// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// One backend: an endpoint of a pool.
///
/// Its state survives DNS changes because nothing of DNS is part of it (LOC-51).
package struct BackendID: Sendable, Hashable {
    package let pool: PoolID
    package let endpoint: Endpoint

    @inlinable
    package init(pool: PoolID, endpoint: Endpoint) {
        self.pool = pool
        self.endpoint = endpoint
    }
}
