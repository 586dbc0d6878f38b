// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The time of day, by which certificates, tickets and OCSP responses live.
package enum UnixTime {
    /// Seconds since 1970.
    package static var now: Int64 { Int64(time(nil)) }
}
