// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
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

    @Test(
        "TLS-48: a backend that a record of DANE-EE speaks for serves on with a certificate that has expired",
        arguments: [true, false]
    )
    func expired(isDomainIssued: Bool) throws {
        let loop = EmbeddedEventLoop()
        let store = try TestCertificates()
        let leaf = try store.leaf("old", names: ["DNS:n1.example.org"], days: -2)
        let worker = EmbeddedWorker(on: loop).worker
        let target = BackendTarget(endpoint: Self.endpoint, pool: nil)
        let data = try store.association(of: leaf.chain, selector: 1, matching: 1)
        let record = TLSAData(usage: isDomainIssued ? 3 : 1, selector: 1, matching: 1, data: data)
        var setup = worker.snapshot.outside
        setup.plans = [Self.endpoint: DANEPlan(target: "n1.example.org", records: [record])]
        let past = UnixTime.now - 10 * 86_400
        let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key, verify: false)
        let (near, far) = (EmbeddedChannel(loop: loop), EmbeddedChannel(loop: loop))
        let client = try TLSContext(clientProfile: TLSProfile(trustFile: store.authority))
        let ends: [(EmbeddedChannel, TLSContext, TLSRole)] = [
            (far, try TLSContext(serverProfile: profile, now: past), .server),
            (near, client, setup.role(towards: target)),
        ]
        for (channel, context, role) in ends {
            let handler = TLSHandler(context: context, role: role, handshakeDeadline: .seconds(60))
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        _ = worker.flows(to: target)
        let flow = worker.makeStream(to: target)
        try near.pipeline.syncOperations.addHandler(flow)
        for (channel, _, _) in ends {
            channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 5061), promise: nil)
        }
        try EmbeddedLink(near: near, far: far).run()
        for _ in 0..<5 { loop.advanceTime(by: .seconds(1)) }
        #expect(near.isActive == isDomainIssued && (flow.phase == .ready) == isDomainIssued)
        #expect(worker.counters.limits[.certificateEnd] == 0)
    }
}
