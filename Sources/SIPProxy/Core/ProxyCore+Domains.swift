// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage

/// Requests whose Request-URI is for none of the domains that are served here (RFC 3261 section 16.5).
extension ProxyCore {
    /// Whether a request goes to the host that its Request-URI names, rather than by the route rules (PRX-22, PRX-23).
    ///
    /// Nobody but our own servers has requests relayed. Where only some domains are served, what clients ask for is 403, and
    /// partners, for whom third parties are none of our business, get 404 (PRX-25); where all are, the routes decide.
    func goesElsewhere(_ server: ServerTransaction) throws(Rejection) -> Bool {
        let box = server.snapshot
        let servesAll = box.proxy.settings.domains.isEmpty
        let isOwn = isOwnServer(server.flow, box) && !server.plan.isPlaceOurs
        // Most requests of most configurations: nothing of their URI is looked at.
        if servesAll, !isOwn { return false }
        guard let uri = server.request.requestURI, uri.isSIP, !box.listeners.serves(uri, in: server.request.bytes)
        else { return false }
        guard isOwn else { throw isTrusted(server.flow, box) ? .notServed : .noRelay }
        if try isServersPlace(uri, server) {
            if servesAll { return false }
            throw .notServed
        }
        if servesAll { return false }
        let isSecure = server.plan.isSecure
        server.plan.destination = try nextHop(uri, server.request, isSecure: isSecure, from: server.flow, box: box)
        return true
    }

    /// Whether a Request-URI may have the address of a server: of a backend, of this host, or where all domains are served
    /// one that the routes may take elsewhere than back to where the request came from.
    ///
    /// Any other address, and a name that can lead nowhere, is a client's Contact: its server does not know the Path by
    /// which alone that client can be reached. No flow is looked for by its address, which behind NAT may be another's by
    /// now (FLW-37).
    private func isServersPlace(_ uri: SIPURI, _ server: ServerTransaction) throws(Rejection) -> Bool {
        if let address = uri.address?.unmapped {
            let proxy = server.snapshot.proxy
            if proxy.hostAddresses.contains(address) { return true }
            if proxy.pools.contains(where: { $0.has(address) }) { return true }
            // A server may dial another network's border by its address.
            if proxy.settings.domains.isEmpty, server.snapshot.routesByOrigin, !address.isPrivate { return true }
        } else {
            let name = RenderedListeners.name(server.request.bytes.text(uri.host))
            guard name == "invalid" || name.hasSuffix(".invalid") else { return false }
        }
        counters.failedNextHop(.pathless)
        act(.event(.pathUnused(server.flow)))
        throw refusal(server, warning: "399", "The Path Leads to This Client")
    }
}
