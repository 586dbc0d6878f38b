// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOPosix
import TestSupport

/// HAProxy in front of an edge, which tells it whose connection each is, and behind it, where it demands the same.
final class HAProxy: Sendable {
    /// Where its connections to the edge come from.
    static let address = "127.0.0.20"

    /// Where clients come in, by the version of the header that the edge is sent.
    let front: [String: Int]
    /// The same without health checks: there clients are sent on whatever the edge thinks of the header.
    let unchecked: [String: Int]
    /// Where a backend seems to be.
    let back: Int
    private let process: ChildProcess

    init(edge: Int, backend: Int, in directory: TemporaryDirectory) async throws {
        front = ["v1": try FreePort.next(), "v2": try FreePort.next()]
        unchecked = ["v1": front["v1"] ?? 0, "v2": try FreePort.next()]
        back = try FreePort.next()
        let server = "server edge 127.0.0.1:\(edge) source \(Self.address)"
        let text = """
            global
              maxconn 200
            defaults
              mode tcp
              timeout connect 2s
              timeout client 30s
              timeout server 30s
            listen front1
              bind 127.0.0.1:\(front["v1"] ?? 0)
              \(server) send-proxy
            listen front2
              bind 127.0.0.1:\(front["v2"] ?? 0)
              \(server) send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy inter 100ms
            listen unchecked2
              bind 127.0.0.1:\(unchecked["v2"] ?? 0)
              \(server) send-proxy-v2
            listen back
              bind 127.0.0.1:\(back) accept-proxy
              server backend 127.0.0.1:\(backend)

            """
        let file = try directory.write(text, to: "haproxy.cfg")
        process = try ChildProcess("haproxy", ["-db", "-f", file], in: directory, log: "haproxy.log")
        let port = back
        guard await Waiting.until(within: .seconds(5), { await Self.listens(at: port) }) else {
            throw TestSupportError("HAProxy does not listen:\n\(process.log.text.suffix(2000))")
        }
    }

    private static func listens(at port: Int) async -> Bool {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let connection = try? await DemoConnection.connect(host: "127.0.0.1", port: port, secure: nil, on: loop)
        await connection?.close()
        return connection != nil
    }

    var log: LogWatcher { process.log }

    func stop() async { await process.stop() }
}
