// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// stunnel as the TLS of a server that has none: it lets in who shows a certificate of the authority, and carries the
/// bytes on over plain TCP.
final class ServerTunnel: Sendable {
    /// Where TLS goes in.
    let port: Int
    private let process: ChildProcess

    /// - Parameters:
    ///   - backend: the port of the server without TLS.
    ///   - leaf: the certificate that it shows.
    init(
        to backend: Int,
        showing leaf: TestCertificates.Leaf,
        trusting authority: String,
        in directory: TemporaryDirectory
    ) async throws {
        port = try FreePort.next()
        let text = """
            foreground = yes
            debug = info
            pid =
            [backend]
            accept = 127.0.0.1:\(port)
            connect = 127.0.0.1:\(backend)
            cert = \(leaf.chain)
            key = \(leaf.key)
            CAfile = \(authority)
            verifyChain = yes

            """
        let file = try directory.write(text, to: "stunnel-\(port).conf")
        process = try ChildProcess("stunnel4", [file], in: directory, log: "stunnel-\(port).log")
        try await process.log.wait(for: "Configuration successful")
    }

    /// What stunnel has said.
    var said: String { process.log.text }

    func stop() async { await process.stop() }
}
