// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import NIOCore
import SIPMessage
import SIPProxy
import Testing

@testable import EdgeConfiguration
@testable import EdgeControl

@Suite("What a configuration becomes for the workers")
struct SnapshotBuilderTests {
    private static func build(_ configuration: Configuration, _ views: [String: PoolView] = [:]) -> EdgeSnapshot {
        var builder = SnapshotBuilder(
            configuration: configuration,
            formerListeners: [],
            hostAddresses: [.v4(0xC000_0201)],
            contexts: TLSContexts(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil },
            loopKey: 0,
            numbers: Numbers()
        )
        return builder.build(generation: 1, views: views)
    }

    @Test("LOC-49, PRX-58, LOC-72: pools' longest Retry-After and share of retries; where a wildcard listener stands")
    func policies() {
        var pool = PoolSettingsEntry(name: "voice", target: "sip:voice.example.test")
        pool.retryAfterLimit = .zero
        pool.retryPercent = 100
        var configuration = Configuration()
        configuration.pools = [pool, PoolSettingsEntry(name: "other", target: "sip:other.example.test")]
        var views: [String: PoolView] = [:]
        for (index, name) in ["voice", "other"].enumerated() {
            views[name] = PoolView(id: PoolID(index: UInt16(index)), settings: PoolSettings(name: name), backends: [])
        }
        let snapshot = Self.build(configuration, views).proxy
        #expect(snapshot.policies.map(\.retryAfterLimit) == [.zero, .seconds(300)])
        #expect(snapshot.policies.map(\.retryPercent) == [100, 10])
        #expect(snapshot.hostAddresses == [.v4(0xC000_0201)])
    }

    @Test("OVL-16: only the listeners that say so tell their clients how much to hold back")
    func listenersWithOverloadControl() {
        var configuration = Configuration()
        configuration.listeners = [("public", false), ("partner", true)].map { name, isOn in
            var listener = ListenerSettings(
                name: name,
                address: .v4(0xC000_0201),
                port: 5061,
                transport: .tls,
                advertisedHost: "edge1.example.test"
            )
            listener.controlsOverload = isOn
            return listener
        }
        let listeners = Self.build(configuration).proxy.listeners
        #expect(listeners.map(\.controlsOverload) == [false, true])
    }

    /// What becomes of a configuration with one pool.
    private func snapshot(_ change: (inout Configuration) -> Void) -> EdgeSnapshot {
        var configuration = Configuration()
        var pool = PoolSettingsEntry(name: "voice", target: "sip:voice.example.test")
        pool.tls = "trunk"
        configuration.pools = [pool]
        var profile = TLSSettings()
        (profile.certificate, profile.verify) = ("edge.pem", true)
        configuration.tls = ["trunk": profile]
        var listener = ListenerSettings(
            name: "trunk",
            address: .v4(0xC000_0205),
            port: 5061,
            transport: .tls,
            advertisedHost: "edge.example.test"
        )
        (listener.role, listener.tls) = (.peer, "trunk")
        configuration.listeners = [listener]
        change(&configuration)
        let view = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "voice"), backends: [])
        return Self.build(configuration, ["voice": view])
    }

    @Test("TLS-36, TLS-41: we offer connections by our certificate, and use those of the pool's profile alone")
    func connectionReuse() {
        let standard = snapshot { _ in }
        #expect(standard.proxy.policies[0].aliasOffer == .auto && standard.backends[0].aliases == .of(profile: "trunk"))
        #expect(standard.outside.aliases == .none && standard.limits.aliases == 1000)
        let never = snapshot { $0.pools[0].connectionReuse = .never }
        #expect(never.proxy.policies[0].aliasOffer == .never && never.backends[0].aliases == .none)
        #expect(snapshot { $0.pools[0].connectionReuse = .always }.proxy.policies[0].aliasOffer == .always)
        let nameless = snapshot { $0.tls["trunk"]?.certificate = nil }
        #expect(nameless.proxy.policies[0].aliasOffer == .never)
        let plain = snapshot { $0.pools[0].tls = nil }
        #expect(plain.proxy.policies[0].aliasOffer == .never && plain.backends[0].aliases == .none)
        #expect(snapshot { $0.limits.aliases = 7 }.limits.aliases == 7)
    }

    @Test("TLS-37, TLS-40, TLS-41: offers are taken of servers that are verified and know us by one certificate")
    func aliasProfiles() {
        #expect(snapshot { _ in }.listeners[0].aliasProfile == "trunk")
        #expect(snapshot { $0.listeners[0].role = .inner }.listeners[0].aliasProfile == "trunk")
        #expect(snapshot { $0.listeners[0].role = .access }.listeners[0].aliasProfile == nil)
        #expect(snapshot { $0.tls["trunk"]?.verify = false }.listeners[0].aliasProfile == nil)
        #expect(snapshot { $0.listeners[0].tls = nil }.listeners[0].aliasProfile == nil)
        let name = TLSSettings.ServerName(name: "other.example.test", certificates: [])
        #expect(snapshot { $0.tls["trunk"]?.serverNames = [name] }.listeners[0].aliasProfile == nil)
    }
}
