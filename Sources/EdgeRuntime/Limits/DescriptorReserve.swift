// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// File descriptors that clients cannot take, so that backends, inner listeners and the admin interface can be reached
/// however many clients there are (OVL-22).
package enum DescriptorReserve {
    /// What a process has open besides connections: listeners of every worker, loops, logs, DNS.
    private static let ownUse = 64

    /// Client connections that this process's limit of descriptors leaves room for.
    static let clientPlaces: Int = {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return .max }
        return places(of: Int(clamping: limit.rlim_cur))
    }()

    /// The same for a limit: a twentieth is kept.
    package static func places(of limit: Int) -> Int { max(limit - limit / 20 - ownUse, limit / 2) }
}
