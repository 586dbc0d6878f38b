// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What the resolver's section names, and the name servers of the host", .timeLimit(.minutes(1)))
struct ResolverPartsTests {
    @Test("Every file that cannot be used is told of with its key, and its line where it has lines")
    func failures() throws {
        let directory = try TemporaryDirectory()
        var settings = ResolverSettings()
        settings.trustAnchor = try directory.write("a.test. 60 IN A 192.0.2.1\n", to: "anchor")
        settings.overrides = try directory.write("\na.test. 60 IN TXT x\n", to: "overrides")
        settings.ca = directory.file("absent.pem")
        let failures = ResolverParts.build(settings).failures
        #expect(failures.map(\.key) == ["trust_anchor", "overrides", "ca"])
        #expect(failures[0].message.contains("anchor:1: A is no trust anchor"))
        #expect(failures[1].message.contains("overrides:2: TXT cannot be overridden"))
    }

    @Test("The client gets what the configuration says: servers with their names, DNSSEC, own records, times")
    func settings() throws {
        let directory = try TemporaryDirectory()
        var settings = ResolverSettings()
        let address = try #require(IPAddress(parsing: "192.0.2.53"))
        settings.servers = [
            .init(address: address, port: 53), .init(address: address, port: 853, transport: .tls, name: "dns.test"),
        ]
        settings.dnssec = .validate
        let digest = String(repeating: "07", count: 32)
        settings.trustAnchor = try directory.write("a.test. 60 IN DS 1 13 2 \(digest)\n", to: "anchor")
        settings.overrides = try directory.write("n.a.test. 45 IN A 192.0.2.1\n", to: "overrides")
        settings.mixesCase = true
        settings.stale = .seconds(7)
        let (parts, failures) = ResolverParts.build(settings)
        #expect(failures.isEmpty)
        let client = parts.clientSettings(settings)
        #expect(client.servers.map(\.transport) == [.udp, .tls])
        #expect(client.servers.map(\.name) == [nil, "dns.test"])
        #expect(client.dnssec == .validate && client.mixesCase && client.cache.stale == .seconds(7))
        #expect(client.anchors != TrustAnchors() && client.overrides != DNSOverrides())
        #expect(client.makeTLSHandler(client.servers[1]) != nil)
        #expect(
            ResolverParts.build(ResolverSettings()).parts.clientSettings(settings).makeTLSHandler(client.servers[1])
                == nil
        )
    }

    @Test("LOC-69: the name servers of resolv.conf are followed while the edge runs, without a reload")
    func followed() async throws {
        let edge = try await TestEdge { ports in
            """
            edge: { name: edge.example.test, workers: 1 }
            listeners: [{ name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }]
            pools: { voice: { target: "sip:127.0.0.1:5;transport=tcp", health: { probe: none } } }
            routes: [{ pool: voice }]
            admin: { socket: \(ports.socket) }
            logging: { level: critical, stderr: false }

            """
        }
        let directory = try TemporaryDirectory()
        let path = try directory.write("nameserver 192.0.2.1\n", to: "resolv.conf")
        await edge.plane.watch(ResolverFile(path))
        for (text, address) in [("", "192.0.2.1"), ("nameserver 192.0.2.2\nnameserver x\n", "192.0.2.2")] {
            if !text.isEmpty { _ = try directory.write(text, to: "resolv.conf") }
            let isFollowed = await Waiting.until(within: .seconds(20)) {
                await edge.plane.resolverSettings.servers.map(\.address.description) == [address]
            }
            #expect(isFollowed, "\(address)")
        }
        await edge.stop()
    }
}
