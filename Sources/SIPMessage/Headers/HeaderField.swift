// SPDX-License-Identifier: Apache-2.0

/// One header field of a message, in the place where it stood.
package struct HeaderField: Sendable, Hashable {
    /// Which field it is, the compact form folded in.
    package let name: HeaderName
    /// The whole field: name, colon, value with its folded rows, and the CRLF that ends it.
    package let line: ByteRange
    /// The name as written.
    package let nameRange: ByteRange
    /// The value without the white space around it.
    package let value: ByteRange
}
