// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// What `/api/v1/flows` and `brana flows --json` give: connections to clients and backends, and UDP sockets.
package struct FlowsReport: Codable, Sendable {
    /// How many flows are listed when nobody says another number.
    package static let standardLimit = 100

    /// How many there are, listed or not.
    package var total: Int
    package var flows: [Flow]

    package struct Flow: Codable, Sendable {
        package var worker: Int
        /// `client` or `backend`.
        package var side: String
        /// The listener of a client's flow.
        package var listener: String?
        /// The pool of a backend's flow; nil for a next hop outside of every pool.
        package var pool: String?
        package var transport: String
        /// Address and port; nil for a listener's UDP socket.
        package var remote: String?
        /// `ready` or `opening`.
        package var state: String
        /// Seconds since it connected, and since something last came; nil for UDP.
        package var age: Int64?
        package var idle: Int64?
        package var bytesIn: UInt64
        package var bytesOut: UInt64
        /// Domains that the peer's certificate proves.
        package var names: [String]
    }

    /// Where the admin API lists them.
    package static func path(limit: Int) -> String { "/api/v1/flows?limit=\(limit)" }
}

extension ControlPlane {
    /// At most `limit` flows, clients first, then by listener or pool, peer and worker.
    package func flowsReport(limit: Int) async throws -> FlowsReport {
        guard let list = try await edge?.flows(limit: limit) else { return FlowsReport(total: 0, flows: []) }
        let now = NIODeadline.now()
        let flows = list.flows.map { report($0, now: now) }
        return FlowsReport(total: list.total, flows: flows.sorted { $0.order.lexicographicallyPrecedes($1.order) })
    }

    private func report(_ flow: FlowDescription, now: NIODeadline) -> FlowsReport.Flow {
        func seconds(_ time: NIODeadline?) -> Int64? { time.map { max(0, (now - $0).nanoseconds / 1_000_000_000) } }
        var (side, listener, pool): (String, String?, String?) = ("client", numbers.name(of: flow.listener), nil)
        if case .backend(let target) = flow.side {
            (side, listener, pool) = ("backend", nil, target.pool.flatMap { numbers.name(of: $0) })
        }
        return FlowsReport.Flow(
            worker: Int(flow.id.worker),
            side: side,
            listener: listener,
            pool: pool,
            transport: flow.transport.name,
            remote: flow.remote.map { "\($0.address.hostText):\($0.port)" },
            state: flow.isReady ? "ready" : "opening",
            age: seconds(flow.connectedAt),
            idle: seconds(flow.lastRead),
            bytesIn: flow.bytesIn,
            bytesOut: flow.bytesOut,
            names: flow.verifiedNames
        )
    }
}

extension FlowsReport.Flow {
    fileprivate var order: [String] {
        [side == "client" ? "0" : "1", listener ?? pool ?? "", transport, remote ?? "", "\(worker)"]
    }
}
