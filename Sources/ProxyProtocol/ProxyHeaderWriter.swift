// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Writes the header of version 2 that says that a connection is the sender's own (TRN-70).
///
/// A connection to a backend carries the requests of many clients, so that it is nobody's in particular; whose request is
/// whose, Via says.
package enum ProxyHeaderWriter {
    /// The command LOCAL, of no family, without addresses.
    package static func local(into buffer: inout ByteBuffer) {
        buffer.writeBytes(ProxyHeaderReader.signature)
        buffer.writeInteger(0x2000_0000 as UInt32)
    }
}
