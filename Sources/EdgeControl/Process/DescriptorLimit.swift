// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How many file descriptors this process may have open.
package enum DescriptorLimit {
    /// Takes as many as the system lets it have without asking (`ulimit -Hn`), and tells how many these are.
    ///
    /// A shell gives 1,024 to begin with, for the sake of programs that use select(2); each connection takes one.
    @discardableResult
    package static func raise() -> Int {
        let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
