// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS

/// The keys that files hold.
extension CheckedConfiguration {
    /// Takes what is wrong or doubtful.
    typealias Note = (String, ConfigurationProblem.Severity) -> Void

    /// The keys of flow tokens, the current one first: those of the files that are named or, without any, the one in the
    /// state directory; nil where there is none.
    static func tokenKeys(_ edge: EdgeSettings, _ state: StateDirectory?, note: Note) -> TokenKeyRing? {
        guard !edge.tokenKeyFiles.isEmpty else { return stateKey(state, note) }
        guard let keys = keys(edge.tokenKeyFiles, "edge.token_key_file", note, TokenKey.init) else { return nil }
        let ring = TokenKeyRing(keys)
        if ring == nil {
            note(
                "two keys of edge.token_key_file cannot be told apart; name each once, or make another new one",
                .error
            )
        }
        return ring
    }

    /// The key in the state directory, which is made there if need be; without it one is drawn, as without a directory.
    private static func stateKey(_ state: StateDirectory?, _ note: Note) -> TokenKeyRing? {
        guard let state else { return nil }
        switch state.tokenKeyFile() {
        case .there(let file): return keys([file], file, note, TokenKey.init).flatMap { TokenKeyRing($0) }
        case .missing: return nil
        case .unmade(let reason):
            note("\(reason); flow tokens will not outlive a restart", .warning)
            return nil
        }
    }

    /// The keys under session tickets: those of the files, or random ones that go on where `former` was.
    static func ticketKeys(_ edge: EdgeSettings, _ former: TicketKeys, note: Note) -> TicketKeys {
        keys(edge.ticketKeyFiles, "edge.ticket_key_file", note, TicketKey.init).map(TicketKeys.init)
            ?? former.continued(rotation: edge.ticketRotation.components.seconds)
    }

    /// What is made of the bytes in each file; nil without files or, noted, when one of them is no key.
    private static func keys<Key>(
        _ files: [String],
        _ place: String,
        _ note: Note,
        _ make: ([UInt8]) -> Key?
    ) -> [Key]? {
        guard !files.isEmpty else { return nil }
        for file in files where SecretFile.isReadableByAll(file) {
            note("\(file): everybody on this machine can read the key; chmod o-r", .warning)
        }
        let keys = files.compactMap { SecretFile.bytes(of: $0).flatMap(make) }
        if keys.count == files.count { return keys }
        note(
            "\(place) must hold \(TokenKey.minimumLength) random bytes at least; make it with: "
                + "head -c \(TokenKey.minimumLength) /dev/urandom",
            .error
        )
        return nil
    }
}
