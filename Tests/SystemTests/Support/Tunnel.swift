// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// stunnel, which carries the TCP of a peer without TLS into the edge's TLS listener, and checks the edge's name.
final class Tunnel: Sendable {
    /// Where plain TCP goes in.
    let port: Int
    private let process: ChildProcess

    init(to edge: EdgeText, in directory: TemporaryDirectory) async throws {
        port = try FreePort.next()
        let text = """
            foreground = yes
            pid =
            [edge]
            client = yes
            accept = 127.0.0.1:\(port)
            connect = 127.0.0.1:\(edge.port)
            CAfile = \(edge.certificates.authority)
            verifyChain = yes
            sni = edge.example.test
            checkHost = edge.example.test

            """
        let file = try directory.write(text, to: "stunnel.conf")
        process = try ChildProcess("stunnel4", [file], in: directory, log: "stunnel.log")
        try await process.log.wait(for: "Configuration successful")
    }

    /// The end of what stunnel said, for the words of a failure.
    var excerpt: String { String(process.log.text.suffix(1000)) }

    func stop() async { await process.stop() }
}
