// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@Suite("Listeners that are bound to all addresses, over loopback", .timeLimit(.minutes(1)))
struct LocalAddressTests {
    /// 0.0.0.0 and ::.
    private static let wildcards: [IPAddress] = [.v4(0), .v6(high: 0, low: 0)]

    private func datagram(_ method: String, _ id: String) -> String {
        Wire.request(method, id).replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
    }

    @Test(
        "TRN-28, TRN-22: a response leaves from the address that its request came to, of all that the listener is bound to",
        arguments: wildcards,
        [ListenerIdentity.Role.access, .inner]
    )
    func responses(address: IPAddress, role: ListenerIdentity.Role) async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            workers: 2,
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            at: address,
            role: role
        )
        let hosts = ["127.0.0.2", "127.0.0.1", "127.9.9.9", "127.0.0.2"]
        for (number, host) in hosts.enumerated() {
            try await peer.send(datagram("OPTIONS", "at\(number)"), to: bench.port, of: host)
            #expect(await peer.wait(for: "Call-ID: at\(number)@"))
        }
        #expect(peer.hosts == hosts && peer.sources == hosts.map { _ in bench.port })
        // A dual-stack socket says ::ffff:127.0.0.1.
        #expect(peer.received.allSatisfy { $0.hasPrefix("SIP/2.0 200") && $0.contains(";received=127.0.0.1") })
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    @Test("TRN-28: a broken datagram is answered from the address that it came to as well, and so is one over IPv6")
    func malformed() async throws {
        let (peer, other) = try await (DatagramPeer.start(), DatagramPeer.start(host: "::1"))
        let bench = try await EdgeBench.start(places: [], listening: .udp, at: Self.wildcards[1], role: .access)
        let text = datagram("OPTIONS", "bad").replacing("To: ", with: "Not-To: ")
        try await peer.send(text, to: bench.port, of: "127.0.0.3")
        #expect(await peer.wait(for: "SIP/2.0 400 "))
        #expect(peer.hosts == ["127.0.0.3"])
        try await other.send(text, to: bench.port, of: "::1")
        #expect(await other.wait(for: "SIP/2.0 400 "))
        #expect(other.hosts == ["::1"] && other.received.allSatisfy { $0.contains(";received=::1") })
        try await bench.stop()
        try await peer.stop()
        try await other.stop()
    }

    @Test("TRN-15, TRN-14: no datagram is ever cut: the largest one that IPv6 can carry arrives whole")
    func largest() async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start(host: "::1")
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            at: Self.wildcards[1]
        )
        let empty = Wire.request("MESSAGE", "big", body: String(repeating: "x", count: 10_000))
        let body = String(repeating: "x", count: 65_527 - empty.utf8.count + 10_000)
        let text = Wire.request("MESSAGE", "big", body: body).replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
        #expect(text.utf8.count == 65_527)
        try await peer.send(text, to: bench.port, of: "::1")
        #expect(await peer.wait(for: "SIP/2.0 200"))
        #expect(backend.received.first?.hasSuffix("\r\n\r\n\(body)") == true)
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    @Test(
        "TRN-28, FLW-12: a request back to a client leaves from the address that the client knows",
        arguments: wildcards
    )
    func requests(address: IPAddress) async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            workers: 2,
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            at: address,
            beside: [.tcp]
        )
        try await peer.send(datagram("REGISTER", "reg"), to: bench.port, of: "127.0.0.2")
        #expect(await peer.wait(for: "SIP/2.0 200"))
        let request = try #require(backend.received.first)
        let path = try #require(request.split(separator: "\r\n").first { $0.hasPrefix("Path: ") }).dropFirst(6)
        let server = try await WireConnection.connect(bench.ports[1])
        server.send(Wire.request("MESSAGE", "back", extra: "Route: \(path)\r\n"))
        #expect(await peer.wait(for: "MESSAGE sip:"))
        #expect(peer.hosts == ["127.0.0.2", "127.0.0.2"] && peer.sources == [bench.port, bench.port])
        try await server.close()
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    @Test("TRN-22: over TCP, too, a listener at :: knows an IPv4 client by its IPv4 address")
    func streams() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(places: [.init(name: "b1", port: backend.port)], at: Self.wildcards[1])
        let client = try await WireConnection.connect(bench.port, of: "127.0.0.2")
        client.send(Wire.options("mapped"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(client.text.contains(";received=127.0.0.1") && !client.text.contains("ffff"))
        #expect(backend.received.allSatisfy { !$0.contains("ffff") } && backend.received.count == 1)
        try await client.close()
        try await bench.stop()
        try await backend.stop()
    }
}
