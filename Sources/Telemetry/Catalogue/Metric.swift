// SPDX-License-Identifier: Apache-2.0

/// One metric of the catalogue.
package struct Metric: Sendable, Hashable {
    /// What it is to Prometheus.
    package enum Kind: String, Sendable, Hashable {
        case counter
        case gauge
        case histogram
    }

    /// A label, and what bounds the number of its values.
    package struct Label: Sendable, Hashable {
        package let name: String
        /// The values themselves where they are fixed; else what they are taken from, as `configured pools`.
        package let values: String

        /// A label with the values of an enumeration.
        static func of<Values: LabelValue>(_ name: String, _ values: Values.Type) -> Label {
            Label(name: name, values: Values.allCases.map { "`\($0.label)`" }.joined(separator: " "))
        }

        static let listener = Label(name: "listener", values: "configured listeners")
        static let pool = Label(name: "pool", values: "configured pools")
        static let backend = Label(name: "backend", values: "backends of the pool (limited)")
        static let file = Label(name: "file", values: "files of certificates that are fetched for")
        static let profile = Label(name: "profile", values: "configured TLS profiles")
    }

    /// `brana_<area>_<what>_<unit>`, with `_total` for a counter.
    package let name: String
    package let kind: Kind
    package let help: String
    package let labels: [Label]

    init(_ kind: Kind, _ name: String, _ help: String, _ labels: Label...) {
        self.name = "brana_" + name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}
