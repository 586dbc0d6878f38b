// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// SRV records and addresses (RFC 3263 section 4.2).
extension TargetResolution {
    /// What the SRV records of a name came to.
    enum Service {
        case absent
        /// A single record says "." (RFC 2782).
        case notOffered
        /// There are records, or there may be.
        case found
    }

    /// Adds the servers of an SRV name that records led to which expire at `above`.
    func srv(
        _ name: DNSName,
        _ transport: SIPTransport,
        rank: UInt16,
        above: NIODeadline? = nil,
        _ walk: inout Walk
    ) throws(Walk.Stop) -> Service {
        guard let answer = walk.answer(DNSQuestion(name, .srv)) else { return .found }
        switch answer.outcome {
        case .noData, .nameError: return .absent
        case .failure(let kind):
            walk.fail("SRV \(name) could not be asked: \(kind.rawValue)", .service(name.text))
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
                var published = Published(name: service.target.text, transport, port: service.port)
                published.service = name.text
                published.rank = rank
                published.priority = service.priority
                published.weight = service.weight
                published.expiresAt = above
                published.isSecure = answer.security == .secure && walk.isChoiceSecure
                try addresses(service.target, published.resting(on: answer), &walk)
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
    func addresses(_ name: DNSName, _ published: Published, _ walk: inout Walk) throws(Walk.Stop) {
        guard name.isAskable else { return walk.note("'\(name)' is no name that DNS may be asked for") }
        var found = 0
        let order: [DNSRecordType] = policy.prefersIPv6 ? [.aaaa, .a] : [.a, .aaaa]
        let types = order.filter { $0 == .a ? policy.usesIPv4 : policy.usesIPv6 }
        guard var place = authenticated(published, name, types, &walk) else { return }
        for type in types {
            defer { place.addressOrder = 1 }
            guard let answer = walk.answer(DNSQuestion(name, type)) else {
                found += 1
                continue
            }
            if case .failure(let kind) = answer.outcome {
                walk.fail(
                    "\(type) \(name) could not be asked: \(kind.rawValue)",
                    .addresses(place, isIPv6: type == .aaaa)
                )
                continue
            }
            if answer.isAliased, published.isTarget {
                walk.note("\(name) is an alias, which no SRV target should be (RFC 2782)")
            }
            found += answer.records.count { if case .address = $0.data { true } else { false } }
            add(answer, name, place.resting(on: answer), &walk)
        }
        if found == 0 { walk.note("\(name) has no address") }
    }

    /// Adds the addresses of one answer that may be used, and notes why others may not.
    private func add(_ answer: DNSAnswer, _ name: DNSName, _ published: Published, _ walk: inout Walk) {
        for case .address(let address) in answer.records.map(\.data) {
            let endpoint = Endpoint(transport: published.transport, address: address, port: published.port)
            if let reason = policy.refusal(of: endpoint) {
                walk.note("\(name) leads to \(address), which is not allowed: \(reason)")
                continue
            }
            walk.add(address, published)
        }
    }
}
