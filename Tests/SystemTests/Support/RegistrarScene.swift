// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// An edge with Kamailio as registrar behind it, over mutual TLS, found by nsd's records.
struct RegistrarScene {
    let domain = "voice.example.test"
    let directory: TemporaryDirectory
    let kamailio: Kamailio
    let edge: EdgeText
    let brana: Brana
    private let nameServer: NameServer

    init() async throws {
        directory = try TemporaryDirectory()
        let certificates = try TestCertificates()
        let leaf = try certificates.leaf("kamailio", names: ["DNS:\(domain)", "URI:sip:\(domain)"])
        kamailio = try Kamailio("kamailio", domain: domain, showing: leaf, trusting: certificates, in: directory)
        let records = [(priority: 10, weight: 10, port: kamailio.port)]
        let zone = NameServer.zone(domain, naptr: "SIPS+D2T", srv: "_sips._tcp", records)
        nameServer = try await NameServer([domain: zone], in: directory)
        edge = try EdgeText.mutual(target: "sips:\(domain)", nameServer: nameServer.port, certificates: certificates)
        brana = try await Brana.run(edge.text, in: directory)
        try await brana.waitUntilUp(1)
    }

    /// Runs part of a test; when it fails, the logs of all of them are told.
    func telling(_ others: [LogWatcher], _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            let logs = others.map { String($0.text.suffix(3000)) }.joined(separator: "\n")
            throw TestSupportError("\(error)\n\(logs)\n\(brana.process.log.text.suffix(1500))\n\(kamailio.excerpt)")
        }
    }

    /// - Returns: how the edge ended.
    func stop() async -> Int32 {
        let status = await brana.stop()
        await kamailio.stop()
        await nameServer.stop()
        return status
    }
}
