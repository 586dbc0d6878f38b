// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// Connections of other servers on which requests may go back to them (RFC 5923); each worker knows its own alone.
extension Worker {
    /// The server at the other end of a connection offers it for requests to where it says that it listens.
    ///
    /// The address is the one that it is seen at; whatever DNS says of its name is of no account (TLS-38).
    ///
    /// - Returns: false when there is no room for it now; the next request offers it again.
    func noteAlias(_ flow: StreamFlow, port: UInt16) -> Bool {
        let context = flow.context
        guard let profile = aliasProfile(of: flow), let setup = snapshot.listener(context.listener) else { return true }
        let isKnown = aliases.add(
            context.id,
            at: context.remoteAddress,
            port: port,
            proving: context.verifiedNames.filter(setup.allows),
            profile: profile,
            limit: snapshot.limits.aliases
        )
        guard isKnown else {
            counters.limits.increment(.aliases)
            return false
        }
        aliasIsFree()
        return true
    }

    /// The profile by which a connection's peer was verified, if requests may go back on it: that peer has proved a domain
    /// over TLS and may come in still, by rules that have not changed since (TLS-37, TLS-40, TLS-41).
    private func aliasProfile(of flow: StreamFlow) -> String? {
        let context = flow.context
        guard flow.usesTLS, flow.phase == .ready, context.side == .client, !flow.isRetired, !flow.isUnlisted,
            let setup = snapshot.listener(context.listener), context.verifiedNames.contains(where: setup.allows),
            let terms = flow.aliasTerms, terms == setup.aliasTerms
        else { return nil }
        return terms.profile
    }

    /// What waits for a connection to the server of one that has come up, or takes bytes again, leaves by it.
    func aliasIsFree() {
        for flows in backends.values where flows.waitingCount > 0 { flows.writable() }
    }

    /// A connection on which something can be sent to the server that is looked for.
    ///
    /// - Parameter isWritable: whether it must take bytes at present.
    func alias(_ search: AliasSearch, isWritable: Bool) -> StreamFlow? {
        guard let profile = search.profile else { return nil }
        let now = eventLoop.now
        for place in search.places {
            let id = aliases.newest(of: place, profile: profile) { id in
                guard let flow = streams[id], flow.phase == .ready, !flow.isInputClosed, !flow.isMute(at: now) else {
                    return false
                }
                return flow.isWritable || !isWritable
            }
            if let id { return streams[id] }
        }
        return nil
    }

    /// Requests go on these connections no more; what waits for them finds another way (TLS-42).
    func endAliases(_ flows: [FlowID]) {
        let known = flows.filter(aliases.knows)
        guard !known.isEmpty else { return }
        for flow in known { aliases.remove(flow) }
        for flows in backends.values where flows.waitingCount > 0 { flows.goOn() }
    }

    /// Once a second: nothing new goes on connections whose peer's certificate is about to expire.
    func retireAliases(now: NIODeadline) {
        guard !aliases.isEmpty else { return }
        for id in aliases.flows {
            streams[id]?.retire(at: now)
        }
        endAliases(aliases.flows.filter { streams[$0]?.isRetired ?? true })
    }

    /// Another snapshot holds: connections by listeners that take no aliases any more, or by other rules, are used for
    /// nothing new.
    func reviewAliases() {
        guard !aliases.isEmpty else { return }
        guard snapshot.limits.aliases > 0 else { return endAliases(aliases.flows) }
        endAliases(aliases.flows(not: { id in streams[id].flatMap(aliasProfile) }))
    }
}
