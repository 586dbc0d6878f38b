// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// openssl's client, which checks the edge's certificate and sends its request as soon as it may.
struct OpenSSLClient {
    let certificates: TestCertificates
    let directory: TemporaryDirectory

    /// How an OPTIONS is answered over a connection that `ss` sees; nil when the connection ends without an answer.
    ///
    /// - Parameter leaf: what it shows when it is asked for a certificate.
    func ask(_ port: Int, showing leaf: TestCertificates.Leaf?, as options: [String] = []) async throws -> Int? {
        var arguments = [
            "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", certificates.authority, "-verify_return_error",
            "-verify_hostname", "edge.example.test", "-servername", "edge.example.test", "-ign_eof",
        ]
        if let leaf { arguments += ["-cert", leaf.chain, "-key", leaf.key] }
        let client = try ChildProcess("openssl", arguments + options, in: directory, input: Self.request())
        let decided = await Waiting.until(within: .seconds(10)) {
            client.log.text.contains("SIP/2.0 ") || !client.isRunning
        }
        guard decided else { throw TestSupportError("openssl neither answered nor ended:\n\(client.log.text)") }
        let status = client.log.text.split(separator: "SIP/2.0 ").dropFirst().first.flatMap { Int($0.prefix(3)) }
        if status != nil {
            let sockets = try await ChildProcess.run("ss", ["-Htn", "dport = :\(port)"], in: directory)
            #expect(sockets.output.contains("ESTAB"), "\(sockets.output)")
        }
        await client.stop()
        return status
    }

    private static func request() -> String {
        """
        OPTIONS sip:edge.example.test SIP/2.0\r
        Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKlevel\(UInt32.random(in: 0...UInt32.max));rport\r
        Max-Forwards: 70\r
        From: <sip:a@example.test>;tag=1\r
        To: <sip:edge.example.test>\r
        Call-ID: \(UInt32.random(in: 0...UInt32.max))@level\r
        CSeq: 1 OPTIONS\r
        Content-Length: 0\r
        \r\n
        """
    }
}
