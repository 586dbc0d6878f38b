// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// The connections over TLS that other servers have opened to one worker and offer for requests back (RFC 5923 section 5).
///
/// Whoever asks for one must have arrived at its place by RFC 3263 and want an identity that its peer has proved there
/// (TLS-38, TLS-39). A value that knows no sockets.
struct AliasTable {
    /// Ports that one connection may stand for; a server that listens at several may send by one connection.
    static let portsPerFlow = 4
    /// Identities of one certificate that are looked at.
    static let identitiesPerFlow = 16

    /// How long a server may answer nothing on its connection before requests go another way: what lies between may have
    /// forgotten the connection.
    static let longestSilence = TimeAmount.seconds(10)

    /// What a server is found by: where it is seen, where it says that it listens, and one domain that it has proved.
    struct Place: Hashable {
        let address: IPAddress
        let port: UInt16
        let identity: String

        init(address: IPAddress, port: UInt16, identity: String) {
            self.address = address.unmapped
            self.port = port
            self.identity = identity
        }
    }

    private struct Entry {
        /// The TLS profile that the peer was verified by, and that says who we are to it.
        let profile: String
        var places: [Place] = []
    }

    /// The newest connection last.
    private var offers: [Place: [FlowID]] = [:]
    private var entries: [FlowID: Entry] = [:]
    /// Offers in all.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Whether a connection is among them.
    func knows(_ flow: FlowID) -> Bool { entries[flow] != nil }

    /// The connections that are offered.
    var flows: [FlowID] { Array(entries.keys) }

    /// Takes a connection in for every identity that its peer has proved; before others of the same place from now on
    /// (TLS-43).
    ///
    /// - Returns: whether there is room for it; where there is not, nothing is taken in.
    mutating func add(
        _ flow: FlowID,
        at address: IPAddress,
        port: UInt16,
        proving identities: [String],
        profile: String,
        limit: Int
    ) -> Bool {
        // A wildcard is no identity of anybody who asks us (TLS-16).
        let new = Set(identities.prefix(Self.identitiesPerFlow).filter { !$0.hasPrefix("*") })
            .map { Place(address: address, port: port, identity: $0) }
            .filter { !(offers[$0]?.contains(flow) ?? false) }
        guard count + new.count <= limit else { return false }
        guard !new.isEmpty else { return true }
        for place in new { offers[place, default: []].append(flow) }
        entries[flow, default: Entry(profile: profile)].places += new
        count += new.count
        return true
    }

    /// Forgets a connection.
    mutating func remove(_ flow: FlowID) {
        guard let entry = entries.removeValue(forKey: flow) else { return }
        for place in entry.places {
            offers[place]?.removeAll { $0 == flow }
            if offers[place]?.isEmpty ?? false { offers[place] = nil }
        }
        count -= entry.places.count
    }

    /// The connections that were taken in by another profile than theirs is now, or have none.
    func flows(not profile: (FlowID) -> String?) -> [FlowID] {
        entries.compactMap { flow, entry in entry.profile == profile(flow) ? nil : flow }
    }

    /// The newest connection of a place that can be used; nil when a new one must be opened.
    ///
    /// - Parameter profile: the TLS profile by which one would be opened (TLS-41).
    func newest(of place: Place, profile: String, where isUsable: (FlowID) -> Bool) -> FlowID? {
        offers[place]?.last { entries[$0]?.profile == profile && isUsable($0) }
    }
}
