// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// The zone that the demonstration serves and changes; with the standard servers it is `zones/demo.zone`.
package struct DemoZone: Sendable, Equatable {
    /// One server behind the edge: its label in the zone, the port it answers on, its SRV weight.
    package struct Server: Sendable, Equatable {
        package var name: String
        package var port: Int
        package var weight: Int
    }

    /// The domain that callers ask for.
    package static let domain = "voice.demo.test"
    /// The TTL of every record, in seconds.
    package static let ttl = 2
    /// The priority of every server.
    package static let priority = 10

    package var servers = [
        Server(name: "b1", port: 22501, weight: 60),
        Server(name: "b2", port: 22502, weight: 20),
        Server(name: "b3", port: 22503, weight: 20),
    ]

    package init() {}

    /// The exact share that the draw of RFC 2782 gives each of the named servers when the others are down, by name.
    package func shares(without down: Set<String> = []) -> [String: Double] {
        let up = servers.filter { !down.contains($0.name) }
        var shares = Dictionary(uniqueKeysWithValues: servers.map { ($0.name, 0.0) })
        let exact = WeightedDraw.firstPickProbabilities(weights: up.map { UInt32(clamping: $0.weight) })
        for (server, share) in zip(up, exact) { shares[server.name] = share }
        return shares
    }

    /// The zone file.
    package var text: String {
        let weights = servers.map { "\($0.weight)" }.joined(separator: ":")
        var lines = [
            "; The zone of `brana demo`: one domain, one NAPTR record, three servers on loopback with weights \(weights).",
            "; A TTL of two seconds lets every change of the records show at once; a real zone has 30 to 300 seconds.",
            "$ORIGIN \(Self.domain).",
            "$TTL \(Self.ttl)",
            "@           IN SOA   ns.\(Self.domain). hostmaster.demo.test. ( 1 3600 600 86400 2 )",
            "            IN NS    ns",
            "            IN NAPTR 10 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp",
        ]
        for (index, server) in servers.enumerated() {
            let owner = index == 0 ? "_sip._tcp   " : "            "
            lines.append("\(owner)IN SRV   \(Self.priority) \(server.weight) \(server.port) \(server.name)")
        }
        for name in ["ns"] + servers.map(\.name) { lines.append("\(name)          IN A     127.0.0.1") }
        return lines.joined(separator: "\n") + "\n"
    }
}
