// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    @Suite("Reloads under load")
    struct ReloadTests {
        @Test("A hundred reloads, each changing something, fail no call and cut no connection")
        func hundred() async throws {
            let directory = try TemporaryDirectory()
            let backends = try await Caller.backends(2)
            var edge = try EdgeText(target: "sip:pool.example.test")
            let servers = backends.map { (priority: 10, weight: 10, port: $0.port) }
            let zone = NameServer.zone("pool.example.test", naptr: "SIP+D2T", srv: "_sip._tcp", servers)
            let nsd = try await NameServer(["pool.example.test": zone], in: directory)
            edge.nameServers = [nsd.port]
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(2)

            let caller = try Caller.make(edge, domain: "pool.example.test")
            #expect(await caller.register() == [])
            let ended = Flag()
            let load = Task { await caller.call(perSecond: 100) { ended.isSet } }
            let spare = try FreePort.next()
            let second = try edge.certificates.leaf("renewed", names: ["DNS:edge.example.test", "IP:127.0.0.1"])
            for round in 0..<100 {
                var changed = edge
                switch round % 6 {
                case 0: changed.pool = ["health: { probe: options, interval: \(400 + round)ms, timeout: 300ms }"]
                case 1: changed.listeners = ["{ name: spare, address: \"127.0.0.1:\(spare)\", transport: tcp }"]
                case 2: changed.leaf = second
                case 3:
                    let route = "{ when: { methods: [PUBLISH] }, reject: { status: \(400 + round) } }"
                    changed.routes.insert(route, at: 0)
                case 4: changed.pool = ["affinity: call-id", "tries: \(2 + round % 2)"]
                default: changed.rest = "limits: { connections: \(1000 + round), message_size: 65536 }"
                }
                try brana.rewrite(changed.text)
                let result = try await brana.ask("reload")
                #expect(result.status == 0, "round \(round): \(result.output)")
            }
            ended.set()
            let tally = await load.value
            #expect(tally.failures == [:])
            #expect(tally.calls > 100)
            #expect(await caller.reconnects() == 0)
            let status = try await brana.status()
            #expect(status.reloads.succeeded == 100 && status.reloads.failed == 0)
            await caller.close()
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
            await nsd.stop()
        }
    }
}
