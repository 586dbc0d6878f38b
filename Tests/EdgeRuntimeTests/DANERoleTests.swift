// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import SIPMessage
import SIPProxy
import Testing

@testable import EdgeRuntime

@Suite("Whom a backend is asked to be, and what it must prove, with DANE and without")
struct DANERoleTests {
    private static let record = TLSAData(usage: 3, selector: 1, matching: 1, data: [UInt8](repeating: 7, count: 32))
    private static let endpoint = Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061)

    /// The server name, the reference names and the number of associations.
    private static func role(
        _ plan: DANEPlan?,
        verifiesName: Bool = true,
        alternatives: [String] = []
    ) -> (name: String?, names: [String], associations: Int, scope: String)? {
        var setup = BackendSetup(
            tls: nil,
            serverName: "core.example.net",
            verifiesName: verifiesName,
            acceptsWildcards: false,
            connections: 1,
            queue: 1
        )
        setup.alternativeNames = alternatives
        if let plan { setup.plans[endpoint] = plan }
        guard
            case .client(let name, let identity, let scope) = setup.role(towards: .init(endpoint: endpoint, pool: nil))
        else { return nil }
        return (name, identity.referenceNames, identity.associations.count, scope)
    }

    @Test("TLS-50: the target's name is sent where TLSA records speak for it, else the service's")
    func names() throws {
        let without = try #require(Self.role(nil, alternatives: ["alt.example.net"]))
        #expect(without.name == "core.example.net" && without.names == ["core.example.net", "alt.example.net"])
        let secure = try #require(Self.role(DANEPlan(target: "n1.example.org", records: [])))
        #expect(secure.name == "core.example.net" && secure.names == ["core.example.net", "n1.example.org"])
        let plan = DANEPlan(target: "n1.example.org", records: [Self.record])
        let dane = try #require(Self.role(plan))
        #expect(dane.name == "n1.example.org" && dane.names == ["n1.example.org", "core.example.net"])
        #expect([without, secure, dane].map(\.associations) == [0, 0, 1])
        #expect(Set([without, secure, dane].map(\.scope)).count == 3)
        let unnamed = try #require(Self.role(plan, verifiesName: false))
        #expect(unnamed.names.isEmpty && unnamed.associations == 1)
    }
}
