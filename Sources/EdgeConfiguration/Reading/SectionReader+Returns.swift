// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Yams

/// Requests that backends send inside dialogs come to the listener that Via and Record-Route name: one of their own
/// transport, or an inner one; another can only take them from backends that speak its transport too.
extension SectionReader {
    /// Notes that a pool is reached over TCP or TLS while there is no such listener; what only DNS knows is left to it.
    func checkReturns(_ pool: PoolSettingsEntry, _ listeners: [ListenerSettings]) {
        guard let target = try? SIPTarget(pool.target) else { return }
        var streams = pool.transports
        if let spoken = target.spokenTransport { streams = [spoken] }
        // For datagrams there is a check of its own.
        if streams.isEmpty || streams.contains(.udp) { return }
        for listener in listeners where listener.role == .inner || streams.contains(listener.transport) { return }
        let names = streams.map(\.name).joined(separator: " or ")
        let example = "{ name: inner, address: \"192.0.2.10:5060\", transport: \(streams[0].name), role: inner }"
        reader.warn(
            file["pools"]?[pool.name]?["target"],
            "pools.\(pool.name): backends are reached over \(names), and requests that they send inside dialogs find no "
                + "listener for it; add one that they can reach, such as \(example)"
        )
    }
}
