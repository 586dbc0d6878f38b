// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore

/// Why an address could not be bound, and what to do about it.
package enum BindAdvice {
    /// The words for an error that a bind ended with.
    package static func words(for error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return switch error.errnoCode {
        case 98: "the address is in use; stop what listens there or choose another"
        case 99: "this machine has no such address; choose one of its own"
        case 13: "not allowed; a port below 1024 needs CAP_NET_BIND_SERVICE, a socket a folder that may be written to"
        default: "\(String(cString: strerror(error.errnoCode))); choose another address"
        }
    }
}
