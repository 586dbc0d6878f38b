// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("baresip, a user agent of Debian's, through the edge")
    struct BaresipTests {
        @Test("FLW-01, FLW-12: it registers over TLS, and is called by another over the connection that it opened")
        func call() async throws {
            let domain = "voice.example.test"
            let directory = try TemporaryDirectory()
            let certificates = try TestCertificates()
            let leaf = try certificates.leaf("kamailio", names: ["DNS:\(domain)", "URI:sip:\(domain)"])
            let kamailio = try Kamailio(
                "kamailio",
                domain: domain,
                showing: leaf,
                trusting: certificates,
                in: directory
            )
            let records = [(priority: 10, weight: 10, port: kamailio.port)]
            let zone = NameServer.zone(domain, naptr: "SIPS+D2T", srv: "_sips._tcp", records)
            let nameServer = try await NameServer([domain: zone], in: directory)
            let edge = try EdgeText.mutual(
                target: "sips:\(domain)",
                nameServer: nameServer.port,
                certificates: certificates
            )
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)

            let bob = try Baresip("bob", domain: domain, through: edge, in: directory)
            try await brana.process.log.wait(for: "info brana: REGISTER sip:\(domain)", within: .seconds(10))
            try await bob.log.wait(for: "200 OK")
            let dial = "/dial sip:bob@\(domain)"
            let alice = try Baresip("alice", domain: domain, through: edge, commands: [dial], in: directory)
            do {
                try await alice.log.wait(for: "Call established", within: .seconds(15))
                try await bob.log.wait(for: "Call established", within: .seconds(5))
            } catch {
                let edgeLog = brana.process.log.text.suffix(1500)
                throw TestSupportError("\(error)\n\(bob.log.text)\n\(edgeLog)\n\(kamailio.excerpt)")
            }
            // To the edge: one connection of each baresip, and what Kamailio opened to call bob back.
            #expect(try await brana.status().connections <= 3)
            #expect(kamailio.requests.contains { $0.contains("request INVITE for bob") })
            await alice.stop()
            await bob.stop()
            #expect(await brana.stop() == 0)
            await kamailio.stop()
            await nameServer.stop()
        }
    }
}
