// SPDX-License-Identifier: Apache-2.0

/// The values that a label may have, as an enumeration: the number of time series is known before any traffic comes.
package protocol LabelValue: CaseIterable, Sendable, Hashable, RawRepresentable where RawValue == Int {
    /// The value in the exposition.
    var label: String { get }
}

extension LabelValue {
    /// The case's name in lower case with its words joined by `_`.
    package var label: String {
        var text = ""
        for character in String(describing: self) {
            if character.isUppercase { text.append("_") }
            text.append(contentsOf: character.lowercased())
        }
        return text
    }
}
