// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import TestSupport

/// The certificates that these tests share; made once for the run.
enum Certificates {
    /// What the tests name, by file.
    struct Set: Sendable {
        let store: TestCertificates
        let server: TestCertificates.Leaf
        let client: TestCertificates.Leaf
        let chained: TestCertificates.Leaf
        let chainless: TestCertificates.Leaf
        let expired: TestCertificates.Leaf
        let unknown: TestCertificates.Leaf
        let selfSigned: TestCertificates.Leaf
        let otherName: TestCertificates.Leaf

        /// The server's name in every test that is not about names.
        static let domain = "edge.example.test"
    }

    private static let shared = Result { () throws -> Set in
        let store = try TestCertificates()
        let names = ["DNS:\(Set.domain)", "URI:sip:\(Set.domain)", "IP:127.0.0.1"]
        return Set(
            store: store,
            server: try store.leaf("server", names: names),
            client: try store.leaf("client", names: ["URI:sip:client.example.test", "DNS:client.example.test"]),
            chained: try store.leaf("chained", names: names, issuer: .intermediate),
            chainless: try store.leaf("chainless", names: names, issuer: .intermediate, includesChain: false),
            expired: try store.leaf("expired", names: names, days: -2),
            unknown: try store.leaf("unknown", names: names, issuer: .otherAuthority),
            selfSigned: try store.leaf("self", names: names, issuer: .itself),
            otherName: try store.leaf("other-name", names: ["DNS:n1.dc.example.org"])
        )
    }

    /// All of them.
    static func all() throws -> Set {
        try self.shared.get()
    }
}

extension TLSProfile {
    /// A profile with this certificate, or none, that trusts the tests' authority.
    init(
        _ leaf: TestCertificates.Leaf?,
        trust: String? = nil,
        verify: Bool = false,
        require: Bool = false,
        version: TLSVersion? = nil
    ) {
        self.init(
            certificateChainFile: leaf?.chain,
            privateKeyFile: leaf?.key,
            trustFile: trust,
            verify: verify,
            require: require,
            minimumVersion: version ?? .tls12,
            maximumVersion: version ?? .tls13
        )
    }
}
