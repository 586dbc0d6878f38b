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
    @Test("LOC-49, LOC-72: the pools' longest Retry-After, and the addresses at which a wildcard listener stands")
    func policies() {
        var pool = PoolSettingsEntry(name: "voice", target: "sip:voice.example.test")
        pool.retryAfterLimit = .zero
        var configuration = Configuration()
        configuration.pools = [pool, PoolSettingsEntry(name: "other", target: "sip:other.example.test")]
        var builder = SnapshotBuilder(
            configuration: configuration,
            formerListeners: [],
            hostAddresses: [.v4(0xC000_0201)],
            contexts: TLSContexts(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil },
            loopKey: 0,
            numbers: Numbers()
        )
        var views: [String: PoolView] = [:]
        for (index, name) in ["voice", "other"].enumerated() {
            views[name] = PoolView(id: PoolID(index: UInt16(index)), settings: PoolSettings(name: name), backends: [])
        }
        let snapshot = builder.build(generation: 1, views: views).proxy
        #expect(snapshot.policies.map(\.retryAfterLimit) == [.zero, .seconds(300)])
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
        var builder = SnapshotBuilder(
            configuration: configuration,
            formerListeners: [],
            hostAddresses: [],
            contexts: TLSContexts(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil },
            loopKey: 0,
            numbers: Numbers()
        )
        let listeners = builder.build(generation: 1, views: [:]).proxy.listeners
        #expect(listeners.map(\.controlsOverload) == [false, true])
    }
}
