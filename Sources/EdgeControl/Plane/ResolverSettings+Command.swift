// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import SIPMessage

extension ResolverSettings {
    /// The command that shows what the configured name servers say of a target, as it is typed.
    ///
    /// It cannot be told of a server of DNS over TLS, and asks those of resolv.conf by itself.
    func command(toResolve target: String) -> String {
        let typed = target.contains(";") ? "'\(target)'" : target
        guard let server = servers.first, server.transport == .udp else { return "brana resolve \(typed)" }
        return "brana resolve \(typed) --server \(server.address.hostText):\(server.port)"
    }
}
