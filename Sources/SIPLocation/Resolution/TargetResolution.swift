// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// RFC 3263 section 4 as a function: from a target and the answers that are known to the next step.
///
/// It keeps no state of its own. The driver asks what it wants, adds the answers and calls again, so that every order of
/// answers gives the same result and a test needs nothing but values.
package struct TargetResolution: Sendable {
    package let target: SIPTarget
    package let policy: ResolutionPolicy

    package init(_ target: SIPTarget, policy: ResolutionPolicy = ResolutionPolicy()) {
        self.target = target
        self.policy = policy
    }

    /// The next step, by what is known.
    package func step(_ known: [DNSQuestion: DNSAnswer]) -> ResolutionStep {
        var walk = Walk(policy: policy, known: known)
        do throws(Walk.Stop) {
            try locate(&walk)
        } catch {
            switch error {
            case .ask: return .ask(walk.asked)
            case .absent(let reason): return .absent(reason)
            case .failed(let reason): return .failed(reason)
            }
        }
        if !walk.asked.isEmpty { return .ask(walk.asked) }
        guard !walk.servers.isEmpty else {
            return walk.failure.map { .failed($0) } ?? .absent(walk.notes.last ?? "no server was found")
        }
        return .resolved(
            LocatedTarget(
                servers: Array(walk.servers.prefix(policy.servers)),
                expiresAt: walk.expiresAt,
                isStale: walk.isStale,
                isPartial: walk.failure != nil,
                notes: walk.notes
            )
        )
    }

    private func locate(_ walk: inout Walk) throws(Walk.Stop) {
        switch target.host {
        case .address(let address):
            let transport = target.transport ?? (target.isSecure ? .tls : .udp)
            walk.add(address, transport, target.port ?? transport.defaultPort, Published(name: address.description))
        case .service(let name):
            let transport = target.transport ?? .tcp
            guard try srv(name, transport, rank: 0, &walk) else { throw .absent("there is no SRV record \(name)") }
        case .name(let name):
            if let port = target.port {
                let transport = target.transport ?? (target.isSecure ? .tls : .udp)
                try addresses(name, transport, port, Published(name: name.text), &walk)
            } else if let transport = target.transport, !target.isSecure || transport == .tls {
                try explicit(name, transport, &walk)
            } else {
                try byNAPTR(name, &walk)
            }
        }
    }

    /// The transport is said: SRV of that transport, else the host's addresses (RFC 3263 section 4.2).
    ///
    /// A SIPS URI has TLS by its scheme; its NAPTR records are looked at first, for their replacement names.
    private func explicit(_ name: DNSName, _ transport: SIPTransport, _ walk: inout Walk) throws(Walk.Stop) {
        if target.isSecure { return try byNAPTR(name, &walk) }
        guard policy.transports.contains(transport) else {
            throw .absent("transport \(transport.name) is not used here")
        }
        if try !srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) {
            try addresses(name, transport, transport.defaultPort, Published(name: name.text), &walk)
        }
    }

    /// NAPTR, then SRV, then addresses (RFC 3263 sections 4.1 and 4.2).
    private func byNAPTR(_ name: DNSName, _ walk: inout Walk) throws(Walk.Stop) {
        let services = try NAPTRChoice(policy: policy, isSecure: target.isSecure).services(of: name, &walk)
        var rank: UInt16 = 0
        for service in services {
            if try srv(service.replacement, service.transport, rank: rank, &walk) { rank += 1 }
        }
        if !services.isEmpty {
            if walk.servers.isEmpty, walk.asked.isEmpty, walk.failure == nil {
                throw .absent("the NAPTR records of \(name) lead to no server")
            }
            return
        }
        try byServiceProbe(name, &walk)
    }

    /// No usable NAPTR: SRV of each transport, in order of preference, and the first that exists is used alone (LOC-28).
    private func byServiceProbe(_ name: DNSName, _ walk: inout Walk) throws(Walk.Stop) {
        let transports = policy.transports.filter { !target.isSecure || $0 == .tls }
        guard !transports.isEmpty else { throw .absent("no transport is left for \(name)") }
        for transport in transports { walk.want(DNSQuestion(name.prefixed(Self.label(transport)), .srv)) }
        guard walk.asked.isEmpty else { throw .ask }
        for transport in transports
        where try srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) { return }
        guard walk.failure == nil else { throw .failed(walk.failure ?? "") }
        let transport: SIPTransport = target.isSecure ? .tls : transports.contains(.udp) ? .udp : transports[0]
        try addresses(name, transport, transport.defaultPort, Published(name: name.text), &walk)
    }

    /// Adds the servers of an SRV name; false when there is no such record.
    private func srv(
        _ name: DNSName,
        _ transport: SIPTransport,
        rank: UInt16,
        _ walk: inout Walk
    ) throws(Walk.Stop) -> Bool {
        guard let answer = walk.answer(DNSQuestion(name, .srv)) else { return true }
        switch answer.outcome {
        case .noData, .nameError: return false
        case .failure(let kind):
            walk.fail("SRV \(name) could not be asked: \(kind.rawValue)")
            return true
        case .records(let records):
            var services: [SRVData] = []
            for case .srv(let data) in records.map(\.data) where !services.contains(data) { services.append(data) }
            if services.count == 1, services[0].target.isRoot {
                walk.note("\(name) says that the service is not offered")
                return true
            }
            for service in services.sorted(by: { ($0.priority, $0.target.text) < ($1.priority, $1.target.text) }) {
                guard !service.target.isRoot, service.port > 0 else {
                    walk.note("SRV \(name) \(service.target):\(service.port) is no server")
                    continue
                }
                let published = Published(
                    name: service.target.text,
                    rank: rank,
                    priority: service.priority,
                    weight: service.weight
                )
                try addresses(service.target, transport, service.port, published, &walk)
            }
            return true
        }
    }

    /// Adds the addresses of a name, of both families (RFC 7984 section 3.1).
    private func addresses(
        _ name: DNSName,
        _ transport: SIPTransport,
        _ port: UInt16,
        _ published: Published,
        _ walk: inout Walk
    ) throws(Walk.Stop) {
        guard name.isAskable else { return walk.note("'\(name)' is no name that DNS may be asked for") }
        var found = 0
        var order: UInt8 = 0
        for type in [DNSRecordType.a, .aaaa] where type == .a ? policy.usesIPv4 : policy.usesIPv6 {
            guard let answer = walk.answer(DNSQuestion(name, type)) else {
                found += 1
                continue
            }
            if case .failure(let kind) = answer.outcome {
                walk.fail("\(type) \(name) could not be asked: \(kind.rawValue)")
                continue
            }
            for case .address(let address) in answer.records.map(\.data) {
                guard policy.allowsLoopback || !(address.isLoopback || address.isLinkLocal), !address.isUnsendable
                else {
                    walk.note("\(name) leads to \(address), which is not allowed here; see allow_loopback")
                    continue
                }
                var place = published
                place.addressOrder = order
                walk.add(address, transport, port, place)
                found += 1
            }
            order = 1
        }
        if found == 0 { walk.note("\(name) has no address") }
    }

    /// The labels of a transport's SRV name (RFC 3263 section 4.1).
    static func label(_ transport: SIPTransport) -> String {
        switch transport {
        case .udp: "_sip._udp"
        case .tcp: "_sip._tcp"
        case .tls: "_sips._tcp"
        }
    }
}

/// What the records say of one server.
struct Published {
    var name: String
    var rank: UInt16 = 0
    var priority: UInt16 = 0
    var weight: UInt16 = 0
    var addressOrder: UInt8 = 0
}
