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
        adjust: (inout DemoCaller.Settings) -> Void = { _ in }
    ) throws -> DemoCaller {
        let profile = TLSProfile(
            certificateChainFile: leaf?.chain,
            privateKeyFile: leaf?.key,
            trustFile: edge.certificates.authority
        )
        let context = try TLSContext(clientProfile: profile)
        var settings = DemoCaller.Settings(port: edge.port, domain: domain)
        adjust(&settings)
        return DemoCaller(
            settings: settings,
            run: String(UInt32.random(in: .min ... .max), radix: 36),
            secure: { pipeline in
                let role = TLSRole.client(
                    serverName: "edge.example.test",
                    identity: .verify(domain: "edge.example.test", acceptsWildcards: false),
                    sessionScope: "test"
                )
                try pipeline.addHandler(TLSHandler(context: context, role: role, handshakeDeadline: .seconds(5)))
            },
            group: MultiThreadedEventLoopGroup.singleton
        )
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
