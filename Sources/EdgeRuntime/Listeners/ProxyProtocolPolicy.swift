// SPDX-License-Identifier: Apache-2.0

package import ProxyProtocol
package import SIPMessage
package import SIPProxy

/// From whom a listener takes PROXY protocol headers (TRN-64): who stands in these networks must send one, nobody else may.
package struct ProxyProtocolPolicy: Sendable, Hashable {
    package var networks: [RouteRule.Network]
    package var versions: Set<ProxyProtocolVersion>

    package init(networks: [RouteRule.Network], versions: Set<ProxyProtocolVersion>) {
        self.networks = networks
        self.versions = versions
    }

    /// Whether a connection from there begins with a header.
    package func awaitsHeader(from address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }
}
