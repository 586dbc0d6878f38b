// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("The transport parameter that the edge writes")
struct TransportParameterTests {
    /// What Record-Route says for an INVITE, as far as the mark, with the client's token as `T`.
    private func recorded(
        _ bench: Bench,
        _ client: FlowContext,
        uri: String = "sip:bob@example.com",
        via: String = "TLS 192.168.1.20"
    ) -> [String] {
        bench.receive(Wire.request("INVITE", uri, via: via), on: client)
        let values = bench.sent.to("B1").last?.wire.values("Record-Route") ?? []
        return values.map { value in
            let named = value.components(String(buffer: client.token)).joined(separator: "T")
            return named.components(";ep=").first ?? ""
        }
    }

    @Test("PRX-34: no transport=tls is written for a name whose records say TLS")
    func noTransportTLS() {
        let bench = Bench(1, .tls)
        for (number, text) in [Wire.request("INVITE"), Wire.request("REGISTER", branch: "z9hG4bK2")].enumerated() {
            bench.receive(text, on: bench.client("C\(number)"))
        }
        #expect(bench.sent.to("B1").count == 2)
        #expect(bench.sent.allSatisfy { $0.wire.text.components("transport=tls").count == 1 })
    }

    /// A bench whose listeners name their ports, with one backend over TLS.
    private func benchWithPorts() -> Bench {
        var snapshot = ProxySnapshot.sample([.sample(1, .tls)])
        snapshot.listeners = Side.all.map {
            ListenerIdentity(
                id: $0.id,
                name: $0.name,
                role: $0.role,
                transport: $0.transport,
                address: $0.address,
                port: $0.port,
                advertisedHost: $0.advertisedHost,
                advertisedPort: $0.port
            )
        }
        return Bench(snapshot)
    }

    @Test("PRX-34: where a TLS listener names a port, transport=tls stands in Record-Route and Path, and nowhere else")
    func namedPort() {
        let bench = benchWithPorts()
        let inner = "edge1.core.example.com:5061;transport=tls;lr"
        #expect(recorded(bench, bench.client()) == ["<sip:\(inner)", "<sip:T@edge1.example.com:5061;transport=tls;lr"])
        let device = bench.client("D")
        bench.receive(Wire.request("REGISTER", branch: "z9hG4bK2"), on: device)
        #expect(bench.sent.last?.wire.values("Path") == ["<sip:\(String(buffer: device.token))@\(inner);ob>"])
        let counts = bench.sent.to("B1").map { $0.wire.text.components("transport=tls").count - 1 }
        #expect(counts == [2, 1])
        let plain = recorded(bench, bench.client("U", Side.publicUDP), via: "UDP 203.0.113.7:51000")
        #expect(plain == ["<sip:\(inner)", "<sip:T@198.51.100.10:5060;lr"])
    }

    @Test("PRX-34: a sips URI says TLS by itself, with a port too")
    func namedPortOfSIPS() {
        let bench = benchWithPorts()
        let values = recorded(bench, bench.client(), uri: "sips:bob@example.com")
        #expect(values.count == 2 && values.allSatisfy { $0.hasPrefix("<sips:") && $0.hasSuffix(":5061;lr") })
        #expect(bench.sent.to("B1").allSatisfy { $0.wire.text.components("transport=tls").count == 1 })
    }
}
