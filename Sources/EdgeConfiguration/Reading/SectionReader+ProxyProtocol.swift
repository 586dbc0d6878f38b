// SPDX-License-Identifier: Apache-2.0

internal import ProxyProtocol
internal import SIPMessage
internal import Yams

/// Load balancers in front of a listener.
extension SectionReader {
    func readProxyProtocol(_ values: MappingReader, into listener: inout ListenerSettings) {
        guard let node = values["proxy_protocol"],
            let entry = reader.mapping(node, "\(values.path).proxy_protocol", .proxyProtocol)
        else { return }
        var settings = ProxyProtocolSettings(from: networks(entry, "from"))
        if entry["from"] == nil || settings.from.isEmpty {
            reader.error(
                entry["from"] ?? node,
                "proxy_protocol needs 'from', the address ranges of the load balancers whose word is taken, such as "
                    + "[192.0.2.10, 192.0.2.11]"
            )
        }
        if entry["versions"] != nil { settings.versions = versions(entry) }
        if listener.transport == .udp {
            reader.error(node, "proxy_protocol is for connections; listener '\(listener.name)' is a UDP one")
        }
        listener.proxyProtocol = settings
    }

    private func versions(_ entry: MappingReader) -> Set<ProxyProtocolVersion> {
        let named = entry.strings("versions")
        if named.isEmpty { reader.error(entry["versions"], "versions must name v1, v2 or both") }
        return Set(
            named.compactMap { node, text in
                if let version = ProxyProtocolVersion(rawValue: text) { return version }
                reader.error(node, "there is no version '\(text)' of the PROXY protocol; there are: v1, v2")
                return nil
            }
        )
    }
}
