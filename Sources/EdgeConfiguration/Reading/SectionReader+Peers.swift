// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// Whose certificates open a listener.
extension SectionReader {
    func readAllowedPeers(
        _ values: MappingReader,
        _ configuration: Configuration,
        into listener: inout ListenerSettings
    ) {
        values.choice("allow_peers_mode", &listener.allowPeersMode)
        guard let node = values["allow_peers"] else {
            if let mode = values["allow_peers_mode"] {
                reader.error(mode, "allow_peers_mode is about peers that 'allow_peers' does not name; add that")
            }
            return
        }
        let peers = values.hosts("allow_peers")
        listener.allowedPeers = peers
        if peers.isEmpty { reader.error(node, "allow_peers names nobody; name a domain, or leave it out") }
        let profile = listener.tls.flatMap { configuration.tls[$0] }
        if listener.transport != .tls || profile?.verify == false {
            reader.error(
                node,
                "allow_peers needs a TLS listener whose profile has 'verify': only a checked certificate proves a domain"
            )
        }
    }
}
