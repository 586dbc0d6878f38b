// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Speaks to a running edge over its admin socket; what the commands use.
package struct AdminClient: Sendable {
    /// What came back.
    package struct Reply: Sendable {
        package let status: Int
        package let body: String
    }

    /// Nobody answers at the socket.
    package struct Unreachable: Error, CustomStringConvertible {
        package let description: String
    }

    private static let patience = Duration.seconds(5)

    package let socket: String

    package init(socket: String) {
        self.socket = socket
    }

    package func get(_ path: String) async throws -> Reply { try await send(.GET, path) }

    package func post(_ path: String) async throws -> Reply { try await send(.POST, path) }

    private func send(_ method: HTTPMethod, _ path: String) async throws -> Reply {
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.next().makePromise(of: HTTPExchange.Reply.self)
        let exchange = HTTPExchange(method: method, path: path, host: "brana")
        let connecting = ClientBootstrap(group: promise.futureResult.eventLoop)
            .connectTimeout(TimeAmount(Self.patience))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try exchange.addHandlers(to: channel.pipeline.syncOperations, promise)
                }
            }
            .connect(unixDomainSocketPath: socket)
        connecting.whenFailure { error in
            let hint = "is Brana running, and may you use its socket? --socket names another one"
            promise.fail(Unreachable(description: "cannot reach Brana at \(socket) (\(Self.words(error))); \(hint)"))
        }
        do {
            let reply = try await promise.futureResult.get()
            return Reply(status: reply.status, body: String(buffer: reply.body))
        } catch let error as Unreachable {
            throw error
        } catch {
            let words = Self.words(error)
            throw Unreachable(description: "what listens at \(socket) gave no answer (\(words)); is it Brana?")
        }
    }
}

extension AdminClient {
    private static func words(_ error: any Error) -> String {
        switch error {
        case SocketAddressError.unixDomainSocketPathTooLong: "the path is too long for a socket"
        case is HTTPParserError: "it does not speak HTTP"
        default: ConnectionWords.words(for: error, within: patience)
        }
    }
}
