// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// Which services of a domain are used (RFC 3263 section 4.1).
extension TargetResolution {
    /// NAPTR, then SRV, then addresses (RFC 3263 sections 4.1 and 4.2).
    func byNAPTR(_ name: DNSName, _ walk: inout Walk) throws(Walk.Stop) {
        let services = try NAPTRChoice(policy: policy, isSecure: target.isSecure).services(of: name, &walk)
        if try keepTLS(of: name, services, &walk) { return }
        guard !services.isEmpty else { return try byServiceProbe(name, &walk) }
        try byServices(services, &walk)
        if walk.servers.isEmpty, walk.asked.isEmpty, walk.failure == nil {
            throw .absent("the NAPTR records of \(name) lead to no server")
        }
    }

    /// Uses each service behind the other, and none in clear text behind one over TLS that has servers, or may have
    /// (LOC-16, LOC-57).
    private func byServices(_ services: [NAPTRChoice.Service], _ walk: inout Walk) throws(Walk.Stop) {
        let above = walk.expiresAt
        var rank: UInt16 = 0
        var secureOrder: UInt16?
        var isTLSUnknown = false
        for service in services {
            if !service.transport.isSecure {
                if isTLSUnknown {
                    walk.note("\(service.replacement) is not used: the TLS service before it could not be asked")
                    continue
                }
                if let secureOrder, !policy.allowsDowngrade || service.order != secureOrder {
                    // Whether that service has servers is to be known before this one is asked for.
                    guard walk.asked.isEmpty else { throw .ask }
                    walk.passOver("\(service.replacement): clear text does not stand in for TLS (allow_downgrade)")
                    continue
                }
            }
            let before = (servers: walk.servers.count, failures: walk.unanswered.count, asked: walk.asked.count)
            let outcome = try srv(service.replacement, service.transport, rank: rank, above: above, &walk)
            if case .absent = outcome {
                walk.note("\(service.replacement) has no SRV record, though a NAPTR record leads there")
                continue
            }
            rank += 1
            guard service.transport.isSecure else { continue }
            if walk.unanswered.count > before.failures { isTLSUnknown = true }
            if walk.servers.count > before.servers || walk.asked.count > before.asked { secureOrder = service.order }
        }
    }

    /// Uses the SRV records of TLS for a domain that no longer publishes SIPS services and lately did (LOC-24); false
    /// when the resolution is to go on as it would without that memory.
    private func keepTLS(
        of name: DNSName,
        _ services: [NAPTRChoice.Service],
        _ walk: inout Walk
    ) throws(Walk.Stop) -> Bool {
        guard policy.tlsLoss != .ignore, !target.isSecure, policy.transports.contains(.tls),
            !services.contains(where: \.transport.isSecure)
        else { return false }
        let service = name.prefixed(Self.label(.tls))
        if case .found = try srv(service, .tls, rank: 0, &walk) {
            guard walk.asked.isEmpty else { throw .ask }
            if services.isEmpty, walk.failure == nil { walk.publishesTLS = true }
            if !walk.servers.isEmpty || walk.failure != nil {
                if walk.publishesTLS == false {
                    walk.note("\(name) no longer publishes SIPS services; TLS is kept by \(service)")
                }
                return true
            }
        }
        guard walk.asked.isEmpty else { throw .ask }
        if services.isEmpty, walk.publishesTLS == nil { walk.publishesTLS = false }
        let loss = "\(name) no longer publishes SIPS services"
        if policy.tlsLoss == .refuse { throw .absent("\(loss), and clear text is refused (tls_loss)") }
        walk.note("\(loss), and \(service) has no server")
        return false
    }

    /// No usable NAPTR: SRV of each transport, in order of preference, and the first that exists is used alone (LOC-28).
    private func byServiceProbe(_ name: DNSName, _ walk: inout Walk) throws(Walk.Stop) {
        var transports = policy.transports.filter { !target.isSecure || $0 == .tls }
        // What cannot be sent stands behind what can, so that it is found only to say so.
        if !policy.sendsDatagrams, let place = transports.firstIndex(of: .udp) {
            transports.append(transports.remove(at: place))
        }
        guard !transports.isEmpty else { throw .absent("no transport is left for \(name)") }
        for transport in transports { walk.want(DNSQuestion(name.prefixed(Self.label(transport)), .srv)) }
        guard walk.asked.isEmpty else { throw .ask }
        if transports.contains(.tls) { walk.publishesTLS = publishesTLS(name, walk) }
        var offered: [SIPTransport] = []
        for (place, transport) in transports.enumerated() {
            switch try srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) {
            case .found:
                for other in transports[(place + 1)...] {
                    walk.passOver("\(name.prefixed(Self.label(other))): \(transport.name) comes first (transports)")
                }
                return
            case .absent: offered.append(transport)
            case .notOffered: continue
            }
        }
        guard let transport = offered.contains(.udp) ? .udp : offered.first else {
            throw .absent("\(name) says that SIP is not offered")
        }
        try addresses(name, Published(name: name.text, transport, port: transport.defaultPort), &walk)
    }

    /// Whether there are SRV records of TLS; nil when they could not be asked for.
    private func publishesTLS(_ name: DNSName, _ walk: Walk) -> Bool? {
        guard let answer = walk.known[DNSQuestion(name.prefixed(Self.label(.tls)), .srv)], !answer.isFailure else {
            return nil
        }
        return answer.records.contains { if case .srv(let data) = $0.data { !data.target.isRoot } else { false } }
    }
}
