// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import SIPMessage
import Testing

@testable import EdgeControl

@Suite("The command that a hint names")
struct ResolverCommandTests {
    @Test("It asks the configured name server, and is typed as a shell wants it")
    func command() {
        var resolver = ResolverSettings()
        #expect(resolver.command(toResolve: "sip:a.test") == "brana resolve sip:a.test")
        resolver.servers = [.init(address: .v4(0x7F00_0001), port: 5353)]
        #expect(resolver.command(toResolve: "sip:a.test") == "brana resolve sip:a.test --server 127.0.0.1:5353")
        resolver.servers[0].address = .v6(high: 0, low: 1)
        let quoted = "brana resolve 'sip:a.test;transport=tcp' --server [::1]:5353"
        #expect(resolver.command(toResolve: "sip:a.test;transport=tcp") == quoted)
        resolver.servers[0].transport = .tls
        #expect(resolver.command(toResolve: "sip:a.test") == "brana resolve sip:a.test")
    }
}
