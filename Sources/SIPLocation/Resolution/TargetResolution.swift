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
                servers: walk.servers,
                expiresAt: walk.expiresAt,
                refreshAt: walk.refreshAt,
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
            if case .absent = try srv(name, transport, rank: 0, &walk) {
                throw .absent("there is no SRV record \(name)")
            }
        case .name(let name):
            if let port = target.port {
                let transport = target.transport ?? (target.isSecure ? .tls : .udp)
                try addresses(name, transport, port, Published(name: name.text), &walk)
            } else if let transport = target.transport {
                try explicit(name, transport, &walk)
            } else {
                try byNAPTR(name, &walk)
            }
        }
    }

    /// The transport is said: SRV of that transport, else the host's addresses (RFC 3263 section 4.2).
    private func explicit(_ name: DNSName, _ transport: SIPTransport, _ walk: inout Walk) throws(Walk.Stop) {
        guard policy.transports.contains(transport) else {
            throw .absent("transport \(transport.name) is not used here")
        }
        if case .absent = try srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) {
            try addresses(name, transport, transport.defaultPort, Published(name: name.text), &walk)
        }
    }

    /// NAPTR, then SRV, then addresses (RFC 3263 sections 4.1 and 4.2).
    private func byNAPTR(_ name: DNSName, _ walk: inout Walk) throws(Walk.Stop) {
        let services = try NAPTRChoice(policy: policy, isSecure: target.isSecure).services(of: name, &walk)
        var rank: UInt16 = 0
        var isTLSUnknown = false
        for service in services {
            if isTLSUnknown, !service.transport.isSecure {
                walk.note("\(service.replacement) is not used: the TLS service before it could not be asked")
                continue
            }
            let failures = walk.failures
            if case .absent = try srv(service.replacement, service.transport, rank: rank, &walk) { continue }
            rank += 1
            if service.transport.isSecure, walk.failures > failures { isTLSUnknown = true }
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
        var offered: [SIPTransport] = []
        for transport in transports {
            switch try srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) {
            case .found: return
            case .absent: offered.append(transport)
            case .notOffered: continue
            }
        }
        guard let transport = offered.contains(.udp) ? .udp : offered.first else {
            throw .absent("\(name) says that SIP is not offered")
        }
        try addresses(name, transport, transport.defaultPort, Published(name: name.text), &walk)
    }

    /// What the SRV records of a name came to.
    private enum Service {
        case absent
        /// A single record says "." (RFC 2782).
        case notOffered
        /// There are records, or there may be.
        case found
    }

    /// Adds the servers of an SRV name.
    private func srv(
        _ name: DNSName,
        _ transport: SIPTransport,
        rank: UInt16,
        _ walk: inout Walk
    ) throws(Walk.Stop) -> Service {
        guard let answer = walk.answer(DNSQuestion(name, .srv)) else { return .found }
        switch answer.outcome {
        case .noData, .nameError: return .absent
        case .failure(let kind):
            walk.fail("SRV \(name) could not be asked: \(kind.rawValue)")
            return .found
        case .records(let records):
            let services = sorted(records)
            if services.count == 1, services[0].target.isRoot {
                walk.note("\(name) says that the service is not offered")
                return .notOffered
            }
            if services.count > policy.servers { walk.noteLimit() }
            for service in services.prefix(policy.servers) {
                guard !service.target.isRoot, service.port > 0 else {
                    walk.note("SRV \(name) \(service.target):\(service.port) is no server")
                    continue
                }
                let published = Published(
                    name: service.target.text,
                    rank: rank,
                    priority: service.priority,
                    weight: service.weight,
                    isTarget: true
                )
                try addresses(service.target, transport, service.port, published, &walk)
            }
            return .found
        }
    }

    /// The SRV records without duplicates, the lowest priority first, in an order that does not depend on the answer's.
    private func sorted(_ records: [DNSRecord]) -> [SRVData] {
        var unique: Set<SRVData> = []
        for case .srv(let data) in records.map(\.data) { unique.insert(data) }
        return unique.sorted {
            ($0.priority, $0.target.text, $0.port, $0.weight) < ($1.priority, $1.target.text, $1.port, $1.weight)
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
        let types: [DNSRecordType] = policy.prefersIPv6 ? [.aaaa, .a] : [.a, .aaaa]
        for type in types where type == .a ? policy.usesIPv4 : policy.usesIPv6 {
            guard let answer = walk.answer(DNSQuestion(name, type)) else {
                found += 1
                continue
            }
            if case .failure(let kind) = answer.outcome {
                walk.fail("\(type) \(name) could not be asked: \(kind.rawValue)")
                continue
            }
            if answer.isAliased, published.isTarget {
                walk.note("\(name) is an alias, which no SRV target should be (RFC 2782)")
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
    /// Whether an SRV record names it.
    var isTarget = false
}
