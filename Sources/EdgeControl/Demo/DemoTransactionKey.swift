// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What an INVITE and its CANCEL have in common: branch and sent-by of the topmost Via (RFC 3261 section 17.2.3).
package struct DemoTransactionKey: Sendable, Hashable {
    private let text: String

    package init(_ request: SIPMessage) {
        let via = request.topmostVia
        let branch = via.branch.map { request.bytes.text($0) } ?? request.bytes.text(request.callID)
        text = "\(branch) \(request.bytes.text(via.host)) \(via.effectivePort)"
    }

    /// FNV-1a over the text, the same in every run.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
