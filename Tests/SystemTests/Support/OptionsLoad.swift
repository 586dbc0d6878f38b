// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import EdgeTLS
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// OPTIONS requests over TLS, each a transaction of its own, counted by the server that answered.
struct OptionsLoad: Sendable {
    let edge: EdgeText
    let domain: String

    /// What came back: answers by server name, and why the others failed.
    struct Outcome: Sendable, Equatable {
        var servers: [String: Int] = [:]
        var failures: [String] = []
    }

    /// Sends `count` requests over a few connections, one after the other on each.
    func send(_ count: Int, connections: Int = 4) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            for index in 0..<connections {
                let share = count / connections + (index < count % connections ? 1 : 0)
                group.addTask { try await send(share, on: try await connect()) }
            }
            var all = Outcome()
            for try await part in group {
                all.servers.merge(part.servers, uniquingKeysWith: +)
                all.failures += part.failures
            }
            return all
        }
    }

    private func send(_ count: Int, on connection: DemoConnection) async throws -> Outcome {
        var outcome = Outcome()
        for _ in 0..<count {
            switch await ask(connection) {
            case .final(let response) where response.status == 200:
                let field = response.headers.first { response.bytes.text($0.nameRange).lowercased() == "server" }
                outcome.servers[field.map { response.bytes.text($0.value) } ?? "?", default: 0] += 1
            case .final(let response): outcome.failures.append("\(response.status)")
            case .timeout: outcome.failures.append("timeout")
            case .closed: outcome.failures.append("closed")
            }
        }
        await connection.close()
        return outcome
    }

    /// How long answers took.
    struct Times: Sendable {
        let failures: Int
        let median: Duration
        let p99: Duration
    }

    /// Sends `count` requests over one connection, one after the other, and takes the time of each.
    func times(_ count: Int, on connection: DemoConnection) async -> Times {
        var (taken, failures) = ([] as [Duration], 0)
        for _ in 0..<count {
            let began = ContinuousClock.now
            if case .final(let response) = await ask(connection), response.status == 200 {
                taken.append(ContinuousClock.now - began)
            } else {
                failures += 1
            }
        }
        taken.sort()
        let places = (taken.count / 2, taken.count * 99 / 100)
        guard places.1 < taken.count else { return Times(failures: failures, median: .zero, p99: .zero) }
        return Times(failures: failures, median: taken[places.0], p99: taken[places.1])
    }

    private func ask(_ connection: DemoConnection) async -> DemoConnection.Reply {
        let branch = String(UInt64.random(in: .min ... .max), radix: 36)
        let text = """
            OPTIONS sip:\(domain) SIP/2.0\r
            Via: SIP/2.0/TLS \(connection.localAddress):\(connection.localPort);branch=z9hG4bK\(branch);rport\r
            Max-Forwards: 70\r
            From: <sip:load@\(domain)>;tag=\(branch)\r
            To: <sip:\(domain)>\r
            Call-ID: \(branch)@load.test\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r\n
            """
        return await connection.send(ByteBuffer(string: text), branch: branch, deadline: .seconds(5))
    }

    func connect() async throws -> DemoConnection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let secure = try Caller.secure(edge)
        return try await DemoConnection.connect(host: "127.0.0.1", port: edge.port, secure: secure, on: loop)
    }
}
