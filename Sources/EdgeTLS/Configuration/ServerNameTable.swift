// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The certificates of a listener by server name; the context keeps it alive as long as OpenSSL may ask it.
final class ServerNameTable: Sendable {
    /// One additional name with its certificate.
    struct Entry: Sendable {
        let certificate: OwnCertificate
        let sessions: SessionIdentity
    }

    let entries: [Entry]
    private let selector: ServerNameSelector
    private let refusesUnknown: Bool
    /// Stands for the listener's own certificate among the selector's values.
    private static let main = -1

    /// Reads the additional certificates; nil when there is nothing to choose.
    init?(_ profile: TLSProfile, main: OwnCertificate?, now: Int64) throws(TLSConfigurationError) {
        if profile.additionalServerNames.isEmpty && !profile.refusesUnknownServerNames { return nil }
        var entries: [Entry] = []
        var names: [(name: String, value: Int)] = []
        for (index, extra) in profile.additionalServerNames.enumerated() {
            let certificate = try OwnCertificate(
                chainFile: extra.certificateChainFile,
                keyFile: extra.privateKeyFile,
                now: now
            )
            let sessions = SessionIdentity(serverName: extra.name, certificate: certificate.leaf)
            entries.append(Entry(certificate: certificate, sessions: sessions))
            names.append((extra.name, index))
        }
        names += (main?.summary.dnsNames ?? []).map { ($0, Self.main) }
        names += (main?.leaf.names.sipDomains() ?? []).map { (String(decoding: $0, as: UTF8.self), Self.main) }
        self.entries = entries
        self.selector = ServerNameSelector(names)
        self.refusesUnknown = profile.refusesUnknownServerNames
    }

    /// Has OpenSSL ask this table, before it looks for a session to take up again.
    func install(in context: OpaquePointer) {
        SSL_CTX_set_client_hello_cb(context, Self.callback, Unmanaged.passUnretained(self).toOpaque())
    }

    private static let callback: SSL_client_hello_cb_fn = { ssl, alert, argument in
        guard let ssl, let argument else { return SSL_CLIENT_HELLO_ERROR }
        let table = Unmanaged<ServerNameTable>.fromOpaque(argument).takeUnretainedValue()
        var body: UnsafePointer<UInt8>?
        var count = 0
        let found = SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &body, &count)
        guard
            found == 1,
            let name = ServerNameExtension.hostName(in: UnsafeRawBufferPointer(start: body, count: count))
        else { return SSL_CLIENT_HELLO_SUCCESS }
        if let accepted = table.select(name, for: ssl) { return accepted }
        alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
        return SSL_CLIENT_HELLO_ERROR
    }

    /// Gives `ssl` the certificate for the name; nil when the client must be refused.
    private func select(_ name: UnsafeRawBufferPointer, for ssl: OpaquePointer) -> Int32? {
        guard let value = self.selector.value(for: name) else {
            return self.refusesUnknown ? nil : SSL_CLIENT_HELLO_SUCCESS
        }
        guard self.entries.indices.contains(value) else { return SSL_CLIENT_HELLO_SUCCESS }
        let entry = self.entries[value]
        guard
            entry.certificate.install(on: ssl),
            SSL_set_session_id_context(ssl, entry.sessions.bytes, UInt32(entry.sessions.bytes.count)) == 1
        else { return nil }
        return SSL_CLIENT_HELLO_SUCCESS
    }
}

extension OwnCertificate {
    /// Makes it the certificate of a context.
    func install(in context: OpaquePointer) -> Bool {
        self.withChain { SSL_CTX_use_cert_and_key(context, self.leaf.pointer, self.key.pointer, $0, 1) == 1 }
    }

    /// Makes it the certificate of one connection.
    func install(on ssl: OpaquePointer) -> Bool {
        self.withChain { SSL_use_cert_and_key(ssl, self.leaf.pointer, self.key.pointer, $0, 1) == 1 }
    }

    /// OpenSSL adds references of its own to what is in the stack.
    private func withChain(_ body: (OpaquePointer) -> Bool) -> Bool {
        guard let stack = brana_x509_stack_new() else { return false }
        defer { brana_x509_stack_free(stack) }
        for certificate in self.chain where brana_x509_stack_push(stack, certificate.pointer) == 0 { return false }
        return body(stack)
    }
}
