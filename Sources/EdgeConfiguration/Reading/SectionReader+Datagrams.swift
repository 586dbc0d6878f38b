// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Yams

/// Requests over UDP leave from a UDP listener's address: answers come there, and firewalls expect them there (TRN-52).
extension SectionReader {
    /// Notes the pools that lack a listener, for what is sent to them over UDP or for what their backends send themselves.
    func checkListeners(ofPoolsIn configuration: Configuration) {
        // With an entry that cannot be read nobody knows whether it is the one that is missing.
        guard let entries = file["listeners"]?.sequence, configuration.listeners.count == entries.count else { return }
        for pool in configuration.pools { checkDatagrams(pool, configuration.listeners) }
        for pool in configuration.pools where pool.via == nil { checkReturns(pool, configuration.listeners) }
    }

    /// Notes that a pool is reached over UDP while there is no listener for it; what only DNS knows shows when it answers.
    private func checkDatagrams(_ pool: PoolSettingsEntry, _ listeners: [ListenerSettings]) {
        guard let target = try? SIPTarget(pool.target) else { return }
        let (spoken, address) = (target.spokenTransport, target.address)
        if spoken == .udp, !listeners.contains(where: { $0.sendsDatagrams(to: address) }) {
            var advice = "write ;transport=tcp behind it"
            if case .service = target.host { advice = "name _sip._tcp. in place of _sip._udp." }
            reader.error(
                file["pools"]?[pool.name]?["target"],
                "pools.\(pool.name): the target speaks udp, and \(Self.missing); add one, or \(advice)"
            )
        } else if spoken == nil, !listeners.contains(where: { $0.sendsDatagrams(to: nil) }) {
            checkListed(pool)
        }
    }

    private static let missing = "there is no UDP listener that requests could leave from"

    /// Notes that UDP stands among a pool's transports to no avail.
    private func checkListed(_ pool: PoolSettingsEntry) {
        guard let node = file["pools"]?[pool.name]?["transports"], pool.transports.contains(.udp) else { return }
        if pool.transports == [.udp] {
            reader.error(
                node,
                "pools.\(pool.name): \(Self.missing), and no other transport; no backend could ever serve"
            )
        } else {
            reader.warn(node, "pools.\(pool.name): \(Self.missing); udp in transports changes nothing")
        }
    }
}

extension SIPTarget {
    /// The transport that it is reached by whatever DNS says; nil when DNS says it (RFC 3263 section 4.1).
    var spokenTransport: SIPTransport? {
        if let transport { return transport }
        switch host {
        case .address: return isSecure ? .tls : .udp
        case .service: return .tcp
        case .name: return port == nil ? (isSecure ? .tls : nil) : isSecure ? .tls : .udp
        }
    }

    /// The address that it is; nil for a name.
    fileprivate var address: IPAddress? {
        if case .address(let address) = host { return address }
        return nil
    }
}

extension ListenerSettings {
    /// Whether its socket can send datagrams to an address; to some address, when that is not known.
    fileprivate func sendsDatagrams(to other: IPAddress?) -> Bool {
        let own = address.unmapped
        guard transport == .udp, let other else { return transport == .udp }
        return own.isIPv6 == other.unmapped.isIPv6 || (own.isIPv6 && own.isUnspecified)
    }
}
