// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import TestSupport
import Testing

@testable import EdgeControl

@Suite("The names that listeners tell their peers, and their certificates")
struct AdvertisedNameTests {
    @Test(
        "PRX-35: a name that no certificate of the listener proves is warned of when the file is checked",
        arguments: [
            ("edge.example.test", ["DNS:edge.example.test"], true),
            ("EDGE.example.test:5061", ["DNS:edge.example.test"], true),
            ("other.example.test", ["DNS:edge.example.test"], false), ("a.example.test", ["DNS:*.example.test"], true),
            ("edge.example.test", ["DNS:edge.example.test", "URI:sip:else.example.test"], false),
            ("edge.example.test", ["URI:sip:edge.example.test"], true),
        ]
    )
    func advertised(name: String, names: [String], isProved: Bool) throws {
        let warnings = try Self.warnings(names) { "address: \"127.0.0.1:5061\", advertise: \"\(name)\", \($0)" }
        #expect(warnings.isEmpty == isProved, "\(warnings)")
        guard !isProved else { return }
        #expect(warnings.count == 1 && warnings[0].contains("which no certificate of tls.public proves"))
    }

    @Test("PRX-35: so is the edge's own name, which listeners at every address tell")
    func ownName() throws {
        #expect(try Self.warnings(["DNS:edge.example.test"]) { "address: \"0.0.0.0:5061\", \($0)" }.isEmpty)
        let warnings = try Self.warnings(["DNS:other.example.test"]) { "address: \"0.0.0.0:5061\", \($0)" }
        #expect(warnings.count == 1 && warnings[0].contains("edge.example.test"), "\(warnings)")
    }

    /// What a check warns of, by a certificate for these names.
    private static func warnings(_ names: [String], listener: (String) -> String) throws -> [String] {
        let directory = try TemporaryDirectory()
        let store = try TestCertificates()
        let leaf = try store.leaf("edge", names: names)
        let text = """
            edge: { name: edge.example.test }
            listeners:
              - { name: public, \(listener("transport: tls, tls: public")) }
            tls:
              public: { certificate: \(leaf.chain), key: \(leaf.key), ca: \(store.authority) }
            pools: { voice: { target: "sip:127.0.0.1:9;transport=tls", allow_loopback: true } }
            routes: [{ pool: voice }]

            """
        let file = try directory.write(text, to: "edge.yaml")
        return try CheckedConfiguration.load(file).warnings.map(\.message)
    }
}
