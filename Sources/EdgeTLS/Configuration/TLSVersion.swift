// SPDX-License-Identifier: Apache-2.0

/// A version of the protocol, with the number that stands for it on the wire.
package enum TLSVersion: Int32, Sendable, Hashable, Comparable, CaseIterable, CustomStringConvertible {
    case tls10 = 0x0301
    case tls11 = 0x0302
    case tls12 = 0x0303
    case tls13 = 0x0304

    /// The version that a configuration writes as `1.0` to `1.3`, nil for any other text.
    package init?(_ text: some StringProtocol) {
        guard let version = Self.allCases.first(where: { $0.description == text }) else { return nil }
        self = version
    }

    package var description: String {
        switch self {
        case .tls10: "1.0"
        case .tls11: "1.1"
        case .tls12: "1.2"
        case .tls13: "1.3"
        }
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}
