// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What a load balancer in front says of a connection that it passes on: its PROXY protocol header, which comes before
/// anything else (the PROXY protocol, versions 1 and 2, as HAProxy defines it).
package struct ProxyHeader: Sendable, Hashable {
    /// Who connected to the load balancer.
    package struct Source: Sendable, Hashable {
        package let address: IPAddress
        package let port: UInt16

        package init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// Whose connection it is; nil when it is the load balancer's own (a health check), or it does not know.
    package let source: Source?
    /// The bytes that the header takes; what follows belongs to the stream.
    package let length: Int

    package init(source: Source?, length: Int) {
        self.source = source
        self.length = length
    }
}

/// A version of the header: a line of text, or bytes.
package enum ProxyProtocolVersion: String, Sendable, Hashable, CaseIterable {
    case v1, v2
}

/// What is wrong with bytes that should be a header.
package enum ProxyHeaderFault: String, Sendable, Hashable, CaseIterable {
    /// It begins like no header, or like one of a version that is not accepted.
    case signature
    case version
    /// Neither LOCAL nor PROXY.
    case command
    /// Neither TCP over IPv4 or IPv6, nor unspecified.
    case family
    /// Too short for its addresses, or longer than is read.
    case length
    /// An address that is none of the family, or that nothing can come from.
    case address
    /// A part of type and length that does not end within the header.
    case field
    case checksum
}
