// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import SIPProxy
import Testing

@testable import EdgeRuntime

@Suite("What servers are known by that offer their connections (RFC 5923)")
struct AliasTableTests {
    /// The address 203.0.113.7.
    private static let peer = IPAddress.v4(0xCB00_7107)
    private static let names = ["example.org", "peer.example.org"]

    private static func flow(_ serial: UInt64) -> FlowID { FlowID(worker: 0, serial: serial) }

    private static func place(
        _ identity: String,
        port: UInt16 = 5061,
        address: IPAddress = peer
    ) -> AliasTable.Place {
        AliasTable.Place(address: address, port: port, identity: identity)
    }

    /// Takes in one connection with the identities of V-ALIAS, or others.
    private static func add(
        _ serial: UInt64,
        to table: inout AliasTable,
        port: UInt16 = 5061,
        _ names: [String] = names,
        profile: String = "trunk",
        limit: Int = 1000
    ) -> Bool {
        table.add(flow(serial), at: peer, port: port, proving: names, profile: profile, limit: limit)
    }

    private static func newest(_ table: AliasTable, _ place: AliasTable.Place, _ profile: String = "trunk") -> FlowID? {
        table.newest(of: place, profile: profile) { _ in true }
    }

    @Test("V-ALIAS, TLS-38, TLS-39: address, port and identity must all be the peer's")
    func places() {
        var table = AliasTable()
        #expect(table.isEmpty && Self.add(18, to: &table) && table.count == 2)
        #expect(Self.newest(table, Self.place("example.org")) == Self.flow(18))
        #expect(Self.newest(table, Self.place("peer.example.org")) == Self.flow(18))
        #expect(Self.newest(table, Self.place("example.net")) == nil)
        #expect(Self.newest(table, Self.place("sub.example.org")) == nil)
        #expect(Self.newest(table, Self.place("example.org", port: 5071)) == nil)
        #expect(Self.newest(table, Self.place("example.org", address: .v4(0xCB00_7108))) == nil)
        // An IPv4 address as a socket of IPv6 tells it is the same.
        let mapped = IPAddress.v6(high: 0, low: 0xFFFF_CB00_7107)
        #expect(Self.newest(table, Self.place("example.org", address: mapped)) == Self.flow(18))
    }

    @Test("TLS-41: whoever wants another profile finds nothing")
    func profiles() {
        var table = AliasTable()
        #expect(Self.add(1, to: &table))
        #expect(Self.newest(table, Self.place("example.org"), "other") == nil)
        #expect(Self.add(2, to: &table, profile: "other"))
        #expect(Self.newest(table, Self.place("example.org")) == Self.flow(1))
        #expect(Self.newest(table, Self.place("example.org"), "other") == Self.flow(2))
        #expect(table.flows { _ in "trunk" } == [Self.flow(2)] && Set(table.flows { _ in nil }).count == 2)
    }

    @Test("TLS-43, TLS-42: the newest serves, the one before it when that is gone or cannot be used, and then none")
    func replacement() {
        var table = AliasTable()
        for serial in UInt64(1)...3 { #expect(Self.add(serial, to: &table)) }
        let place = Self.place("example.org")
        #expect(Self.newest(table, place) == Self.flow(3))
        #expect(table.newest(of: place, profile: "trunk") { $0 != Self.flow(3) } == Self.flow(2))
        for (gone, next) in [(2, 3), (3, 1), (1, nil)] as [(UInt64, UInt64?)] {
            table.remove(Self.flow(gone))
            #expect(Self.newest(table, place) == next.map(Self.flow))
        }
        #expect(table.isEmpty && table.flows.isEmpty)
        table.remove(Self.flow(9))
        #expect(table.count == 0)
    }

    @Test("limits.aliases: what has no room is not taken in, not in part either, and what is there stays")
    func limit() {
        var table = AliasTable()
        #expect(Self.add(1, to: &table, limit: 3))
        #expect(!Self.add(2, to: &table, limit: 3) && table.count == 2 && table.flows == [Self.flow(1)])
        #expect(Self.add(1, to: &table, limit: 2), "it is known already")
        table.remove(Self.flow(1))
        #expect(Self.add(2, to: &table, limit: 3) && table.count == 2)
        var none = AliasTable()
        #expect(!Self.add(1, to: &none, limit: 0) && none.isEmpty)
    }

    @Test("TLS-52, TLS-16: of a certificate with 1,000 names 64 count; wildcards and repeated names do not")
    func identities() {
        var table = AliasTable()
        #expect(Self.add(1, to: &table, (0..<1000).map { "n\($0).example.org" }))
        #expect(table.count == AliasTable.identitiesPerFlow)
        var other = AliasTable()
        #expect(Self.add(1, to: &other, ["*.example.org", "a.example.org", "a.example.org"]) && other.count == 1)
        #expect(Self.newest(other, Self.place("*.example.org")) == nil)
        #expect(Self.add(1, to: &other, port: 5071, ["a.example.org"]) && other.count == 2)
        other.remove(Self.flow(1))
        #expect(other.isEmpty)
    }

    @Test("Any order of coming and going leaves the count right")
    func counts() {
        var table = AliasTable()
        var generator = SystemRandomNumberGenerator()
        var known: [UInt64: Set<String>] = [:]
        for _ in 0..<2000 {
            let serial = UInt64.random(in: 1...20, using: &generator)
            if Bool.random(using: &generator) {
                table.remove(Self.flow(serial))
                known[serial] = nil
            } else {
                let names = (0..<3).map { _ in "n\(Int.random(in: 0...9, using: &generator)).example" }
                #expect(Self.add(serial, to: &table, names))
                known[serial, default: []].formUnion(names)
            }
            #expect(table.count == known.values.reduce(0) { $0 + $1.count })
        }
    }
}

@Suite("By whose identity a server's own connection may be used (TLS-39)")
struct AliasSearchTests {
    private static let endpoint = Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061)

    private static func identities(
        _ name: String?,
        alternatives: [String] = [],
        aliases: AliasUse = .of(profile: "trunk"),
        plan: DANEPlan? = nil,
        domain: String? = nil,
        transport: SIPTransport = .tls,
        verifiesName: Bool = true
    ) -> [String] {
        var setup = BackendSetup(
            tls: nil,
            serverName: name,
            verifiesName: verifiesName,
            acceptsWildcards: true,
            connections: 1,
            queue: 1
        )
        setup.alternativeNames = alternatives
        setup.aliases = aliases
        let endpoint = Endpoint(transport: transport, address: .v4(0xC000_0201), port: 5061)
        setup.plans[endpoint] = plan
        return setup.aliasIdentities(of: BackendTarget(endpoint: endpoint, pool: nil, domain: domain))
    }

    @Test("The target's domain and verify_names, as certificates hold them, whether names are verified or not")
    func names() {
        #expect(Self.identities("Core.Example.Test.") == ["core.example.test"])
        #expect(Self.identities("bücher.example") == ["xn--bcher-kva.example"])
        #expect(Self.identities("a.example", alternatives: ["B.example"]) == ["a.example", "b.example"])
        #expect(Self.identities("a.example", verifiesName: false) == ["a.example"])
        #expect(Self.identities(nil, domain: "asked.example") == ["asked.example"])
    }

    @Test("TLS-17, TLS-40, TLS-48: none for addresses, wildcards, other transports, pools without, and DANE's own")
    func none() {
        #expect(Self.identities(nil).isEmpty && Self.identities("2001:db8::1").isEmpty)
        #expect(Self.identities(nil, alternatives: ["core.example.test"]) == ["core.example.test"])
        #expect(Self.identities("*.example.test").isEmpty)
        #expect(Self.identities("a.example", transport: .tcp).isEmpty)
        #expect(Self.identities("a.example", aliases: .none).isEmpty)
        let record = TLSAData(usage: 3, selector: 1, matching: 1, data: [UInt8](repeating: 7, count: 32))
        #expect(Self.identities("a.example", plan: DANEPlan(target: "n.example", records: [record])).isEmpty)
        let plan = DANEPlan(target: "n.example", records: [])
        #expect(Self.identities("a.example", plan: plan) == ["a.example", "n.example"])
    }

    @Test("What is looked for is worked out again with each snapshot")
    func generations() {
        var setup = BackendSetup(
            tls: nil,
            serverName: "a.example",
            verifiesName: true,
            acceptsWildcards: false,
            connections: 1,
            queue: 1
        )
        let target = BackendTarget(endpoint: Self.endpoint, pool: nil)
        var search = AliasSearch()
        search.adopt(1, target) { _ in setup }
        #expect(search.places.isEmpty)
        setup.aliases = .of(profile: "trunk")
        search.adopt(1, target) { _ in setup }
        #expect(search.places.isEmpty)
        search.adopt(2, target) { _ in setup }
        #expect(search.places.map(\.identity) == ["a.example"] && search.profile == "trunk")
    }
}
