// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// The header field that tells trusted servers which domains a client's certificate proves (TLS-26).
package struct PeerHeader: Sendable {
    /// Domains that it names at most; a certificate may prove any number.
    package static let nameLimit = 32

    /// `Name: `, as it is written.
    let label: ByteBuffer
    /// The same name, however others spell it.
    let filter: HeaderFilter

    package init(_ name: String) {
        label = ByteBuffer(string: "\(name): ")
        filter = HeaderFilter(only: name)
    }
}
