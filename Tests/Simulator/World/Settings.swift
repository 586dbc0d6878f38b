// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPProxy

/// What one world is like, drawn by its seed.
struct Settings {
    let backends: Int
    let clients: Int
    let pools: Int
    /// Candidates that one request may try.
    let tries: Int
    /// Seconds between two acts of a client, and between two troubles, on average.
    let pause: Double
    let troublePause: Double
    /// Whether there are SIPS requests, and so a backend with TLS.
    let hasSecure: Bool
    let hasNoFirstResponse: Bool
    let isProbing: Bool
    let hasVandal: Bool
    /// Connections to one backend, and messages that may wait for them.
    let connections: Int
    let queue: Int
    /// Bytes that a connection takes before it wants no more.
    let watermark: Int
    /// Statuses besides 503 that let the next backend be tried.
    let retryCodes: [UInt16]
    let tick: TimeAmount

    init(_ dice: Dice) {
        backends = dice.number(2...6)
        clients = dice.number(3...10)
        pools = dice.number(1...2)
        tries = dice.number(2...4)
        pause = dice.pick(1, 3, 6, 12)
        troublePause = dice.pick(4, 8, 15, 30)
        hasSecure = dice.chance(50)
        hasNoFirstResponse = dice.chance(8)
        isProbing = dice.chance(80)
        hasVandal = dice.chance(40)
        connections = dice.number(1...3)
        queue = dice.pick(8, 256, 256)
        watermark = dice.pick(1024, 4096, 65_536)
        retryCodes = dice.pick([], [], [480, 404])
        tick = dice.pick(.milliseconds(10), .milliseconds(10), .milliseconds(30))
    }

    /// A configuration; a reload draws another.
    func pool(_ index: Int, _ dice: Dice) -> PoolSettings {
        PoolSettings(
            name: "p\(index)",
            affinity: dice.pick(.none, .none, .callID, .from, .source, .flow),
            algorithm: dice.pick(.srv, .leastOutstanding, .latency),
            firstResponse: hasNoFirstResponse ? nil : FirstResponseLimits()
        )
    }

    func health(_ dice: Dice) -> HealthPolicy {
        var policy = HealthPolicy()
        policy.isProbing = isProbing
        policy.probeBeforeUse = dice.chance(70)
        policy.slowStart = dice.pick(.zero, .seconds(30))
        return policy
    }

    func forwarding(_ dice: Dice) -> ForwardingPolicy {
        var policy = ForwardingPolicy()
        policy.tries = UInt8(tries)
        policy.retryCodes = retryCodes
        return policy
    }

    func proxy(_ dice: Dice) -> ProxySettings {
        var settings = ProxySettings()
        settings.pathMode = dice.pick(.always, .supported)
        settings.rememberedRequests = dice.pick(0, 50)
        return settings
    }
}
