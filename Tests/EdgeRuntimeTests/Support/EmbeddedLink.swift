// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded

/// The two ends of one connection: the edge's and its peer's.
struct EmbeddedLink {
    let near: EmbeddedChannel
    let far: EmbeddedChannel

    /// Carries bytes both ways until nothing moves any more.
    func run() throws {
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            for (source, sink) in [(far, near), (near, far)] {
                while let bytes = try source.readOutbound(as: ByteBuffer.self) {
                    hasMoved = true
                    if sink.isActive { sink.pipeline.fireChannelRead(bytes) }
                }
            }
        }
    }
}
