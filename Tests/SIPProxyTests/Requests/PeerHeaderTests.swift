// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("The header that tells whom a certificate proves")
struct PeerHeaderTests {
    private static let name = "X-Brana-Peer"

    /// What a backend gets of the field of a request with `extra`, from a client whose certificate proves `names`.
    private static func told(
        _ names: [String],
        extra: [String] = [],
        by listener: ListenerID = Side.publicTLS,
        poolIsTrusted: Bool = true,
        method: String = "INVITE"
    ) -> [String] {
        var settings = ProxySettings()
        settings.peerHeader = PeerHeader(name)
        var policy = ForwardingPolicy()
        policy.isTrusted = poolIsTrusted
        let bench = Bench(1, policy: policy, settings: settings)
        var client = bench.client("C", listener)
        client.verifiedNames = names
        bench.receive(Wire.request(method, extra: extra), on: client)
        return bench.sent.to("B1").first?.wire.values(name) ?? ["nothing left"]
    }

    @Test(
        "TLS-26: trusted servers are told what a certificate proves, others are not",
        arguments: ["INVITE", "OPTIONS"]
    )
    func told(method: String) {
        #expect(Self.told(["partner.example"], method: method) == ["partner.example"])
        #expect(Self.told(["a.example", "b.example"], method: method) == ["a.example, b.example"])
        #expect(Self.told(["partner.example"], poolIsTrusted: false, method: method) == [])
        #expect(Self.told([], method: method) == [])
    }

    @Test(
        "TLS-22, OVL-50: nobody else can say so, however the field is spelt and folded",
        arguments: [
            "X-Brana-Peer: bank.example", "x-brana-peer:bank.example", "X-BRANA-PEER :\tbank.example",
            "X-Brana-Peer:\r\n bank.example", "X-Brana-Peer: bank.example\r\nX-Brana-Peer: other.example",
        ]
    )
    func forged(field: String) {
        #expect(Self.told([], extra: [field]) == [])
        #expect(Self.told(["partner.example"], extra: [field]) == ["partner.example"])
        #expect(Self.told([], extra: [field], poolIsTrusted: false) == [])
    }

    @Test("TLS-26: of a certificate with very many domains the first 32 are told")
    func bounded() {
        let names = (1...40).map { "d\($0).example" }
        #expect(Self.told(names) == [names.prefix(32).joined(separator: ", ")])
    }

    @Test("TLS-26: what a trusted sender says of an earlier hop stays, and goes to trusted servers alone")
    func relayed() {
        let field = "X-Brana-Peer: partner.example"
        #expect(Self.told([], extra: [field], by: Side.innerTCP) == ["partner.example"])
        #expect(Self.told(["edge1.example"], extra: [field], by: Side.innerTLS) == ["partner.example"])
        #expect(Self.told([], extra: [field], by: Side.innerTCP, poolIsTrusted: false) == [])
    }

    @Test("TLS-24: a From of another domain than the certificate's is the backend's concern")
    func otherDomain() {
        #expect(Self.told(["partner.example"]) == ["partner.example"])
    }
}
