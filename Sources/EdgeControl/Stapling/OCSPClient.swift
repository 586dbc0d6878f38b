// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// Asks authorities about certificates over HTTP (RFC 6960 appendix A).
struct OCSPClient: Sendable {
    /// No answer that could be used, in words.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// For the connection and the answer together, at one address.
    static let timeout = TimeAmount.seconds(10)
    /// For the connection alone.
    static let connectLimit = Duration.seconds(3)
    /// Addresses of a responder that are tried, in the order in which DNS gives them, those of IPv4 first.
    static let addressLimit = 6

    let group: MultiThreadedEventLoopGroup
    let dns: DNSClient

    /// The response to a request in DER.
    func ask(_ responder: String, _ request: [UInt8]) async throws -> [UInt8] {
        guard let url = URLComponents(string: responder), let host = url.host, !host.isEmpty else {
            throw Failure(description: "'\(responder)' is no address of a responder")
        }
        let port = UInt16(exactly: url.port ?? 80) ?? 80
        let path = url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath
        let exchange = HTTPExchange(
            method: .POST,
            path: url.percentEncodedQuery.map { "\(path)?\($0)" } ?? path,
            host: url.port.map { "\(host):\($0)" } ?? host,
            contentType: "application/ocsp-request",
            body: ByteBuffer(bytes: request),
            limit: StapledCertificate.responseLimit
        )
        let reply = try await send(exchange, to: try await addresses(of: host), port: port)
        guard reply.status == 200 else { throw Failure(description: "the responder answers \(reply.status) over HTTP") }
        return Array(reply.body.readableBytesView)
    }

    private func addresses(of host: String) async throws -> [IPAddress] {
        let literal = host.hasPrefix("[") ? host.dropFirst().dropLast() : host[...]
        if let address = IPAddress(parsing: literal) { return [address] }
        var addresses: [IPAddress] = []
        var trouble: (any Error)?
        for type in [DNSRecordType.a, .aaaa] {
            do {
                let answer = try await dns.ask(DNSQuestion(DNSName(host), type)).get()
                for record in answer.records {
                    if case .address(let address) = record.data { addresses.append(address) }
                }
            } catch {
                trouble = error
            }
        }
        guard addresses.isEmpty else { return addresses }
        throw trouble ?? Failure(description: "no address is known of \(host)")
    }

    /// Asks at one address after the other, until one answers over HTTP.
    private func send(
        _ exchange: HTTPExchange,
        to addresses: [IPAddress],
        port: UInt16
    ) async throws -> HTTPExchange.Reply {
        var trouble: any Error = Failure(description: "there is no address to ask at")
        for address in addresses.prefix(Self.addressLimit) {
            do {
                return try await send(exchange, to: SocketAddress(address, port: port))
            } catch {
                trouble = error
            }
        }
        throw trouble
    }

    private func send(_ exchange: HTTPExchange, to address: SocketAddress) async throws -> HTTPExchange.Reply {
        let loop = group.next()
        let promise = loop.makePromise(of: HTTPExchange.Reply.self)
        let deadline = loop.scheduleTask(in: Self.timeout) {
            promise.fail(Failure(description: "no answer within \(Self.timeout.nanoseconds / 1_000_000_000) seconds"))
        }
        let channel = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(Self.connectLimit))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try exchange.addHandlers(to: channel.pipeline.syncOperations, promise)
                }
            }
            .connect(to: address)
        channel.whenFailure { promise.fail($0) }
        promise.futureResult.whenComplete { _ in
            deadline.cancel()
            channel.whenSuccess { $0.close(promise: nil) }
        }
        return try await promise.futureResult.get()
    }
}
