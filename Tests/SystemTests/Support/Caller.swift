// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import EdgeTLS
import NIOCore
import NIOPosix
import TestSupport

/// The project's own callers, over TLS, with the server's name checked.
enum Caller {
    /// Callers that trust `edge`'s authority and show `leaf` when asked for a certificate.
    static func make(
        _ edge: EdgeText,
        domain: String,
        showing leaf: TestCertificates.Leaf? = nil,
        expecting name: String = "edge.example.test",
        adjust: (inout DemoCaller.Settings) -> Void = { _ in }
    ) throws -> DemoCaller {
        var settings = DemoCaller.Settings(port: edge.port, domain: domain)
        adjust(&settings)
        return DemoCaller(
            settings: settings,
            run: String(UInt32.random(in: .min ... .max), radix: 36),
            secure: try secure(edge, showing: leaf, expecting: name),
            group: MultiThreadedEventLoopGroup.singleton
        )
    }

    /// TLS as such a caller uses it: it trusts the edge's authority alone and checks the name.
    static func secure(
        _ edge: EdgeText,
        showing leaf: TestCertificates.Leaf? = nil,
        expecting name: String = "edge.example.test"
    ) throws -> DemoConnection.Secure {
        let profile = TLSProfile(
            certificateChainFile: leaf?.chain,
            privateKeyFile: leaf?.key,
            trustFile: edge.certificates.authority
        )
        let context = try TLSContext(clientProfile: profile)
        return { pipeline in
            let role = TLSRole.client(
                serverName: name,
                identity: .verify(domain: name, acceptsWildcards: false),
                sessionScope: "test"
            )
            try pipeline.addHandler(TLSHandler(context: context, role: role, handshakeDeadline: .seconds(5)))
        }
    }

    /// The project's own backends, named b1, b2 and so on.
    static func backends(_ count: Int) async throws -> [DemoBackend] {
        var backends: [DemoBackend] = []
        for index in 1...count {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let port = try FreePort.next()
            backends.append(try await .start(name: "b\(index)", address: "127.0.0.1", port: port, on: loop))
        }
        return backends
    }
}
