// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import TestSupport
internal import Testing

/// Real sockets, and peers that are not ours: the openssl and GnuTLS commands.
@Suite("TLS with other peers")
struct InteroperationTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private var trust: String { self.all.store.authority }

    private func server(require: Bool = false, ciphers: String? = nil) throws -> LoopbackServer {
        var profile = TLSProfile(self.all.server, trust: self.trust, verify: require, require: require)
        profile.ciphers = ciphers
        return try LoopbackServer(context: TLSContext(serverProfile: profile))
    }

    /// Runs the openssl client, which sends one line and waits for the end; what it prints comes back.
    private func connect(_ server: LoopbackServer, _ flags: [String], input: String = "bye openssl\n") throws -> String
    {
        let common = ["s_client", "-connect", server.address, "-CAfile", self.trust, "-ign_eof"]
        return try TestCertificates.run("openssl", common + flags, input: input).1
    }

    @Test("The openssl client: both versions, mutual, and its data comes back", arguments: ["-tls1_2", "-tls1_3"])
    func opensslClient(version: String) throws {
        let server = try self.server(require: true)
        defer { server.stop() }
        let identity = ["-cert", self.all.client.chain, "-key", self.all.client.key, "-nocommands"]
        let good = try self.connect(server, [version, "-verify_return_error"] + identity)
        #expect(good.contains("Verification: OK") && good.contains("bye openssl"), "\(good)")
        let bad = try self.connect(server, [version, "-nocommands"])
        #expect(bad.contains("alert") && !bad.contains("bye openssl"), "\(bad)")
    }

    @Test("The GnuTLS client: both versions, mutual", arguments: ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL"])
    func gnuTLSClient(priority: String) throws {
        let server = try self.server(require: true)
        defer { server.stop() }
        let (status, text) = try TestCertificates.run(
            "gnutls-cli",
            [
                "--port", String(server.port), "--x509cafile", self.trust, "--x509certfile", self.all.client.chain,
                "--x509keyfile", self.all.client.key, "--priority", priority, "--verify-hostname",
                Certificates.Set.domain, "--sni-hostname", Certificates.Set.domain, "127.0.0.1",
            ],
            input: "bye gnutls\n"
        )
        #expect(status == 0 && text.contains("Handshake was completed") && text.contains("bye gnutls"), "\(text)")
    }

    @Test("Renegotiation is refused (TLS-04, OVL-46)")
    func renegotiation() throws {
        let server = try self.server()
        defer { server.stop() }
        let arguments = ["s_client", "-connect", server.address, "-CAfile", self.trust, "-tls1_2"]
        let (_, text) = try TestCertificates.run("openssl", arguments, input: "R\n", holdsInput: true)
        #expect(text.contains("no renegotiation"), "\(text)")
    }

    @Test(
        "TLS-04: data sent early, by a ticket of another server of the name, is not taken; the handshake goes on without"
    )
    func earlyData() throws {
        let other = try OpenSSLServer(self.all, version: .tls13, options: ["-max_early_data", "16384"])
        defer { other.stop() }
        let session = self.all.store.directory + "/early.session"
        let early = try self.all.store.file("early.txt", "too early\n")
        let identity = ["-cert", self.all.client.chain, "-key", self.all.client.key, "-tls1_3", "-nocommands"]
        let common = ["s_client", "-CAfile", self.trust, "-ign_eof"] + identity
        let first = ["-connect", "127.0.0.1:\(other.port)", "-sess_out", session]
        // That server sends lines back in reverse.
        _ = try TestCertificates.run("openssl", common + first, input: "CLOSE\n")
        let server = try self.server()
        defer { server.stop() }
        let second = ["-connect", server.address, "-sess_in", session, "-early_data", early]
        let text = try TestCertificates.run("openssl", common + second, input: "bye openssl\n").1
        #expect(text.contains("Early data was rejected") && text.contains("bye openssl"), "\(text)")
        #expect(!text.contains("too early") && text.contains("New, TLSv1.3"))
    }

    @Test("Only ECDHE with AEAD is spoken below 1.3, and nothing below 1.2 (TLS-02, TLS-03)")
    func ciphers() throws {
        let server = try self.server()
        defer { server.stop() }
        for cipher in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
            #expect(try self.connect(server, ["-tls1_2", "-nocommands", "-cipher", cipher]).contains("bye openssl"))
        }
        for cipher in [
            "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM",
        ] {
            let text = try self.connect(server, ["-tls1_2", "-nocommands", "-cipher", cipher])
            #expect(text.contains("handshake failure"), "\(cipher)")
        }
        for version in ["-tls1", "-tls1_1"] {
            let text = try self.connect(server, [version, "-nocommands", "-cipher", "ALL:@SECLEVEL=0"])
            #expect(text.contains("protocol version"), "\(version): \(text)")
        }
    }

    @Test("Old phones can be let in on purpose: version 1.0 with ECDHE and CBC")
    func oldPhones() throws {
        var profile = TLSProfile(self.all.server)
        profile.minimumVersion = .tls10
        let server = try LoopbackServer(context: TLSContext(serverProfile: profile))
        defer { server.stop() }
        let text = try self.connect(server, ["-tls1", "-nocommands", "-cipher", "ALL:@SECLEVEL=0"])
        #expect(text.contains("bye openssl") && text.contains("ECDHE-ECDSA-AES256-SHA"), "\(text)")
    }

    @Test("An application protocol that a client offers is not taken up (TLS-08)")
    func applicationProtocol() throws {
        let server = try self.server()
        defer { server.stop() }
        let text = try self.connect(server, ["-nocommands", "-alpn", "sip/2"])
        #expect(text.contains("No ALPN negotiated") && text.contains("bye openssl"))
    }

    @Test("The openssl server: mutual, resumed, and its name is verified", arguments: TLSVersion.modern)
    func opensslServer(version: TLSVersion) throws {
        let peer = try OpenSSLServer(self.all, version: version)
        defer { peer.stop() }
        let client = try TLSContext(clientProfile: TLSProfile(self.all.client, trust: self.trust, verify: true))
        for index in 0..<3 {
            let outcome = try LoopbackClient.exchange(
                client,
                port: peer.port,
                domain: Certificates.Set.domain,
                line: "hello \(index)\n"
            )
            #expect(outcome.answer == "\(index) olleh\n", "\(outcome)")
            #expect(outcome.handshake?.version == version && outcome.handshake?.resumed == (index > 0))
            #expect(outcome.handshake?.peer?.sipDomains == [Certificates.Set.domain])
        }
        let wrong = try LoopbackClient.exchange(client, port: peer.port, domain: "other.test", line: "hello\n")
        #expect(wrong.failure?.reason == .nameMismatch && wrong.answer.isEmpty)
    }

    @Test("With half closure on both sides the answer to the last request still comes")
    func halfClosure() throws {
        let server = try LoopbackServer(
            context: TLSContext(serverProfile: TLSProfile(self.all.server)),
            allowsHalfClosure: true
        )
        defer { server.stop() }
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        let outcome = try LoopbackClient.exchange(
            client,
            port: server.port,
            domain: Certificates.Set.domain,
            line: "last\n",
            closesOutput: true
        )
        #expect(outcome.answer == "last\n" && outcome.failure == nil)
    }
}
