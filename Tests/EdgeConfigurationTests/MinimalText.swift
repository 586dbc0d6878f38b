// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration

/// A small sound configuration, of which a test changes a part.
enum MinimalText {
    /// The text, with keys added to one of its parts, each line as it would stand in that part.
    static func with(
        edge: String = "",
        listeners: String = "",
        profile: String = "",
        pool: String = "",
        condition: String = "methods: [INVITE]",
        sections: String = ""
    ) -> String {
        """
        edge: { name: edge1.example.test\(comma(edge)) }
        listeners:
          - { name: public, address: "0.0.0.0:5061", transport: tls, tls: public }
        \(listeners.isEmpty ? "#" : "  - { \(listeners) }")
        tls:
          public: { certificate: certs/edge.pem, key: certs/edge.key\(comma(profile)) }
        pools:
          voice: { target: "sip:voice.example.test"\(comma(pool)) }
        routes:
          - { pool: voice, when: { \(condition) } }
          - { pool: voice }
        \(sections)
        """
    }

    private static func comma(_ text: String) -> String { text.isEmpty ? "" : ", \(text)" }
}
