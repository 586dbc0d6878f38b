// SPDX-License-Identifier: Apache-2.0

/// How large a message may be (MSG-32, TRN-04).
///
/// What is larger is refused whole, never cut.
package struct MessageLimits: Sendable, Hashable {
    /// Bytes of start line and header section together; default 32 KiB.
    package var headerSection = 32 * 1024
    /// Bytes of the whole message; default 256 KiB.
    package var message = 256 * 1024
    /// Header fields; default 512.
    package var fields = 512
    /// Via values of a request, and one less than those of a response, which has the edge's own; default 128.
    package var vias = 128
    /// Bytes of the Request-URI; default 4 KiB.
    package var requestURI = 4096

    package init() {}

    /// For messages of our own writing, which may be larger than what came by what was added.
    package static var none: Self {
        var limits = Self()
        limits.headerSection = .max / 2
        limits.message = .max / 2
        limits.fields = .max
        limits.vias = .max
        limits.requestURI = .max
        return limits
    }
}
