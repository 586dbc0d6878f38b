// SPDX-License-Identifier: Apache-2.0

/// Where a SIP message can be sent to: transport, address and port.
///
/// It is the identity of a backend (every SRV target address is a backend of its own) and the key of all state that
/// outlives a DNS answer.
package struct Endpoint: Sendable, Hashable {
    package let transport: SIPTransport
    package let address: IPAddress
    package let port: UInt16

    @inlinable
    package init(transport: SIPTransport, address: IPAddress, port: UInt16) {
        self.transport = transport
        self.address = address
        self.port = port
    }
}
