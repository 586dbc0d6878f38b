// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite("brana explain, as operators give it")
    struct ExplainCommandTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test(
            "A call whose first server is dead: explain tells both tries, the candidates of nsd's zone, and the answer"
        )
        func failover() async throws {
            let backends = try await Caller.backends(1)
            let (dead, live) = (try FreePort.next(), backends[0].port)
            let origin = "pool.example.test"
            let zone = NameServer.zone(
                origin,
                naptr: "SIP+D2T",
                srv: "_sip._tcp",
                [(10, 60, dead), (20, 5, live)],
                ttl: 60
            )
            let nsd = try await NameServer([origin: zone], in: directory)
            var edge = try EdgeText(target: "sip:\(origin)", nameServer: nsd.port)
            edge.edge = "name: edge.example.test, workers: 2, drain_timeout: 2s"
            edge.pool = ["health: { probe: none }", "affinity: call-id"]
            edge.rest = "logging: { level: info, request_line: \"ended {method} {call_id} here\" }"
            let brana = try await Brana.run(edge.text, in: directory)
            let caller = try Caller.make(edge, domain: origin) { $0.users = 1 }
            #expect(await caller.call(1, perSecond: 10).completed == 1)
            try await brana.process.log.wait(for: "ended BYE ")
            let callID = try #require(callIDs(brana).first)

            let text = try await brana.ask("explain", callID)
            #expect(text.status == 0, "\(text.output)")
            for part in [
                "INVITE from 127.0.0.1:", "over tls at listener public", "route rule 1 to pool voice (sip:\(origin))",
                "affinity call-id ", "attempt 1, at ", "tcp:127.0.0.1:\(dead): connection refused after ",
                "attempt 2, at ", "tcp:127.0.0.1:\(live): answered 200 after ",
                "final: 200, made by the backend, after ",
                "eligible with priority 10, weight 60", "priority 20 is not used while a lower number is usable",
                "\nBYE from ",
            ] { #expect(text.output.contains(part), "\(part) in:\n\(text.output)") }

            let json = try await brana.ask("explain", "--json", callID)
            let report = try JSONText.decode(ExplainReport.self, from: json.output)
            #expect(report.callId == callID && report.requests.map(\.method) == ["INVITE", "BYE"])
            #expect(report.requests[0].candidates?.allSatisfy { (0...60).contains($0.ttlLeft ?? -1) } == true)

            // What the first call has found out, the second knows: it goes to the live server at once.
            #expect(await caller.call(1, perSecond: 10).completed == 1)
            try await brana.process.log.wait(for: "ended BYE ", times: 2)
            let second = try #require(callIDs(brana).last)
            let later = try await brana.ask("explain", second)
            #expect(
                second != callID && later.output.contains("attempt 1, at 0.0 ms: tcp:127.0.0.1:\(live): answered 200")
            )
            #expect(
                later.output.contains("ejected: connection refused")
                    || later.output.contains("not reachable from this worker"),
                "\(later.output)"
            )

            let unknown = try await brana.ask("explain", "nobody@example.test")
            #expect(unknown.status == 1 && unknown.output.contains("INVITEs since 20"), "\(unknown.output)")
            let unknownJSON = try await brana.ask("explain", "nobody@example.test", "--json")
            #expect(unknownJSON.status == 1 && unknownJSON.output.contains("\"requests\" : ["))
            #expect(await brana.stop() == 0)
            await caller.close()
            await backends[0].stop()
            await nsd.stop()
        }

        /// The Call-IDs of the calls that have ended, as the log has them.
        private func callIDs(_ brana: Brana) -> [String] {
            brana.process.log.text.split(separator: "\n").filter { $0.contains("ended INVITE ") }
                .compactMap { $0.split(separator: " ").dropLast().last.map(String.init) }
        }
    }
}
