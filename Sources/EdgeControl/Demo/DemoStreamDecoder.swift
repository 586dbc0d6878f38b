// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// Turns the bytes of a stream into messages, for the demonstration's backends and caller.
///
/// It answers keep-alives (RFC 5626 section 4.4.1) and closes on what is not SIP. The edge itself has its own flows;
/// this handler stands on the other side of them.
package final class DemoStreamDecoder: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = SIPMessage
    package typealias OutboundOut = ByteBuffer

    private let limits = MessageLimits()
    private var framer = StreamFramer()

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        framer.append(unwrapInboundIn(data))
        while true {
            switch framer.next() {
            case .needMore: return
            case .keepAlive: context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "\r\n")), promise: nil)
            case .failed:
                context.close(promise: nil)
                return
            case .message(let bytes):
                guard case .message(let message) = MessageParser.parse(bytes, framing: .stream, limits: limits) else {
                    context.close(promise: nil)
                    return
                }
                context.fireChannelRead(wrapInboundOut(message))
            }
        }
    }

    /// What goes wrong with a connection ends it; the other side notices and tries another.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension DemoStreamDecoder: Sendable {}
