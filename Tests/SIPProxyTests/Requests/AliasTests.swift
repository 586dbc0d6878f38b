// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("The alias parameter of our Via (RFC 5923)")
struct AliasTests {
    private func via(_ offer: AliasOffer, _ transport: SIPTransport, facing: ListenerID? = nil) -> String {
        var policy = ForwardingPolicy()
        policy.aliasOffer = offer
        if let facing { policy.listeners = [transport: facing] }
        let bench = Bench(1, transport, policy: policy)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        return bench.sent.to("B1")[0].wire.values("Via")[0]
    }

    @Test("TLS-36: Via has alias, without value, over TLS alone and where the pool offers it")
    func offer() {
        #expect(via(.auto, .tls).hasSuffix(";alias"))
        #expect(via(.always, .tls).hasSuffix(";alias"))
        #expect(!via(.never, .tls).contains("alias"))
        #expect(!via(.auto, .tcp).contains("alias") && !via(.always, .udp).contains("alias"))
    }

    @Test("TLS-36: Via must name a TLS listener; others than our own servers are offered nothing unless asked for")
    func facing() {
        #expect(!via(.always, .tls, facing: Side.innerTCP).contains("alias"))
        #expect(!via(.auto, .tls, facing: Side.peerTLS).contains("alias"))
        #expect(via(.always, .tls, facing: Side.peerTLS).hasSuffix(";alias"))
        #expect(via(.auto, .tls, facing: Side.publicTLS).hasSuffix(";alias"))
    }

    @Test("TLS-37: alias in the Via of others is passed on and never offered again by ours")
    func received() {
        let bench = Bench(1, .tls)
        let request = Wire.request("OPTIONS").replacing(";branch", with: ";alias;branch", maxReplacements: 1)
        bench.receive(request, on: bench.client())
        let vias = bench.sent.to("B1")[0].wire.values("Via")
        #expect(!vias[0].contains("alias") && vias[1].contains(";alias"))
    }
}
