// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How one probe or one attempt of a request ended.
package enum BackendOutcome: Sendable, Hashable {
    /// A final response came; `retryAfter` is the header's value (RFC 3261 section 20.33).
    case answered(status: UInt16, retryAfter: TimeAmount? = nil)
    /// None came.
    case failed(BackendFailure)
}
