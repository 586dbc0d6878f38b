// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Yams

/// Pools.
extension SectionReader {
    func readPool(_ node: Node, _ name: String) -> PoolSettingsEntry? {
        let path = "pools.\(name)"
        guard let values = reader.mapping(node, path, .pool) else { return nil }
        let target = values.required("target")
        var pool = PoolSettingsEntry(name: name, target: target ?? "")
        pool.tls = profile(values, nil, isListener: false)
        values.bool("verify_name", &pool.verifyName)
        pool.verifyNames = values.hosts("verify_names")
        values.bool("accept_wildcards", &pool.acceptsWildcards)
        values.choice("families", &pool.families)
        values.choice("naptr_failover", &pool.naptrFailover)
        values.bool("allow_downgrade", &pool.allowsDowngrade)
        values.choice("tls_loss", &pool.tlsLoss)
        values.choice("dane", &pool.dane)
        values.choice("affinity", &pool.affinity)
        values.duration("retry_after_limit", in: .zero ... .seconds(3600), &pool.retryAfterLimit)
        values.choice("balance", &pool.balance)
        if pool.affinity != .none, pool.balance != .srv {
            let affinity = pool.affinity.rawValue
            reader.warn(values["balance"], "\(path).balance changes nothing: affinity \(affinity) decides")
        }
        values.duration("slow_start", in: .zero ... .seconds(3600), &pool.slowStart)
        values.integer("connections", in: 1...64, &pool.connections)
        values.integer("queue", in: 1...1_000_000, &pool.queue)
        values.integer("tries", in: 1...10, &pool.tries)
        values.integer("retry_percent", in: 0...100, &pool.retryPercent)
        values.bool("allow_loopback", &pool.allowsLoopback)
        values.bool("require_tls", &pool.requiresTLS)
        values.bool("keep_alive", &pool.answersKeepAlive)
        values.bool("send_proxy_protocol", &pool.sendsProxyProtocol)
        values.bool("overload_control", &pool.controlsOverload)
        values.choice("connection_reuse", &pool.connectionReuse)
        values.bool("any_response_source", &pool.acceptsAnySource)
        readTransports(values, into: &pool)
        readHealth(values["health"], path, into: &pool)
        readEjection(values["ejection"], path, into: &pool.ejection)
        readFirstResponse(values["first_response_timeout"], path, into: &pool)
        pool.retryCodes = statuses(values, "retry_codes", in: 400...699)
        values.bool("trust", &pool.trust)
        if let via = values.string("via") {
            if !names.listeners.contains(via) {
                reader.error(values["via"], "there is no listener '\(via)'\(suggestion(via, names.listeners))")
            }
            pool.via = via
        }
        guard target != nil else { return nil }
        checkTarget(pool, values)
        return pool
    }

    /// DANE needs answers that DNSSEC secures, and SRV records that lead to the backends (RFC 7673 section 3.1).
    func checkDANE(_ pool: PoolSettingsEntry, _ dnssec: ResolverSettings.DNSSEC) {
        guard pool.dane != .off, let target = try? SIPTarget(pool.target) else { return }
        let path = "pools.\(pool.name).dane"
        let node = file["pools"]?[pool.name]?["dane"]
        let isBySRV =
            switch target.host {
            case .address: false
            case .service: true
            case .name: target.port == nil
            }
        let problem: String
        if dnssec == .off {
            problem = "\(path): TLSA records count only where DNSSEC secures them; set resolver.dnssec"
        } else if !isBySRV {
            problem = "\(path): no SRV record leads to the target \(pool.target), so TLSA records are not asked for"
        } else {
            return
        }
        if pool.dane == .require {
            reader.error(node, "\(problem); no backend could ever serve")
        } else {
            reader.warn(node, problem)
        }
    }

    /// A target that can be resolved, over a transport that the pool may use.
    private func checkTarget(_ pool: PoolSettingsEntry, _ values: MappingReader) {
        do throws(SIPTarget.Malformed) {
            let target = try SIPTarget(pool.target)
            guard let transport = target.isSecure ? .tls : target.transport, !pool.transports.isEmpty,
                !pool.transports.contains(transport)
            else { return }
            reader.error(
                values["transports"],
                "\(values.path): the target speaks \(transport.name) only, which transports leaves out; no backend could "
                    + "ever serve"
            )
        } catch {
            reader.error(values["target"], "\(values.path("target")): \(error)")
        }
    }

    private func readTransports(_ values: MappingReader, into pool: inout PoolSettingsEntry) {
        guard let node = values["transports"] else { return }
        pool.transports = []
        for (node, text) in values.strings("transports") {
            guard let transport = SIPTransport(name: text) else {
                reader.error(node, "'\(text)' is no transport; transports are udp, tcp, tls")
                continue
            }
            guard !pool.transports.contains(transport) else {
                reader.error(node, "'\(text)' stands twice in transports, whose order counts")
                continue
            }
            pool.transports.append(transport)
        }
        if node.sequence?.isEmpty == true { reader.error(node, "a pool needs a transport at least") }
    }

    private func readFirstResponse(_ node: Node?, _ path: String, into pool: inout PoolSettingsEntry) {
        guard let node, let values = reader.mapping(node, "\(path).first_response_timeout", .firstResponse) else {
            return
        }
        values.duration("invite", in: .milliseconds(100) ... .seconds(32), &pool.inviteLimit)
        values.duration("other", in: .milliseconds(100) ... .seconds(32), &pool.otherLimit)
    }
}
