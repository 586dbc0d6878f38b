// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// A message that is kept for longer than it takes to handle it, such as the INVITE of a call that rings (OVL-37).
extension SIPMessage {
    /// How many bytes of other messages, and of room for more, a message that is kept may hold in memory.
    private static let tolerance = 1024

    /// The same message; its bytes are copied when the storage that they are in is much larger than they are.
    package func compacted() -> SIPMessage {
        let count = bytes.readableBytes
        return bytes.storageCapacity > 2 * count + Self.tolerance ? copied(count) : self
    }

    /// The message to the end of its header section, for when its body is not needed any more.
    package func withoutBody() -> SIPMessage {
        bodyStart < bytes.readableBytes ? copied(bodyStart) : self
    }

    private func copied(_ count: Int) -> SIPMessage {
        var copy = self
        copy.bytes = ByteBuffer(bytes: bytes.readableBytesView.prefix(count))
        return copy
    }
}
