// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a listener goes by for each server name; the context keeps it alive as long as OpenSSL may ask it.
final class ServerNameTable: Sendable {
    /// What applies to one additional name.
    enum Entry: Sendable {
        case certificates(OwnCertificates, SessionIdentity)
        case context(TLSContext, SessionIdentity)

        /// What is shown under the name.
        var certificates: OwnCertificates {
            switch self {
            case .certificates(let own, _): own
            case .context(let context, _): context.own
            }
        }

        /// Reads what the name needs; `sessions` are those of the profile around it.
        init(
            _ name: TLSProfile.ServerName,
            within sessions: SessionIdentity,
            now: Int64,
            secrets: TLSSecrets
        ) throws(TLSConfigurationError) {
            switch name.use {
            case .certificates(let files):
                let own = try OwnCertificates(files, now: now)
                self = .certificates(own, SessionIdentity(serverName: name.name, within: sessions, certificates: own))
            case .profile(var profile):
                profile.additionalServerNames = []
                profile.refusesUnknownServerNames = false
                let context = try TLSContext(serverProfile: profile, secrets: secrets, now: now)
                self = .context(context, SessionIdentity(serverName: name.name, within: context.sessionIdentity))
            }
        }
    }

    let entries: [Entry]
    /// The certificates that go by the profile around the names.
    var certificates: [OwnCertificates] {
        entries.compactMap { if case .certificates(let own, _) = $0 { own } else { nil } }
    }
    /// What goes by a profile of its own.
    var contexts: [TLSContext] { entries.compactMap { if case .context(let context, _) = $0 { context } else { nil } } }
    private let selector: ServerNameSelector
    private let refusesUnknown: Bool
    /// Stands for the listener's own certificate among the selector's values.
    private static let main = -1

    /// Reads what the additional names need; nil when there is nothing to choose.
    init?(
        _ profile: TLSProfile,
        main: OwnCertificates,
        sessions: SessionIdentity,
        now: Int64,
        secrets: TLSSecrets
    ) throws(TLSConfigurationError) {
        if profile.additionalServerNames.isEmpty && !profile.refusesUnknownServerNames { return nil }
        var entries: [Entry] = []
        var names: [(name: String, value: Int)] = []
        for (index, extra) in profile.additionalServerNames.enumerated() {
            entries.append(try Entry(extra, within: sessions, now: now, secrets: secrets))
            names.append((extra.name, index))
        }
        for own in main.all {
            names += own.summary.dnsNames.map { ($0, Self.main) }
            names += own.leaf.names.sipDomains().map { (String(decoding: $0, as: UTF8.self), Self.main) }
        }
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

    /// Has `ssl` go by what the name needs; nil when the client must be refused.
    private func select(_ name: UnsafeRawBufferPointer, for ssl: OpaquePointer) -> Int32? {
        guard let value = self.selector.value(for: name) else {
            return self.refusesUnknown ? nil : SSL_CLIENT_HELLO_SUCCESS
        }
        guard self.entries.indices.contains(value) else { return SSL_CLIENT_HELLO_SUCCESS }
        let isSet =
            switch self.entries[value] {
            case .certificates(let own, let sessions): own.install(on: ssl) && sessions.install(on: ssl)
            case .context(let context, let sessions): context.takeOver(ssl) && sessions.install(on: ssl)
            }
        return isSet ? SSL_CLIENT_HELLO_SUCCESS : nil
    }
}
