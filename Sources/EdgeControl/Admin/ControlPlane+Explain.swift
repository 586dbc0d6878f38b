// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import Foundation
internal import NIOCore
internal import SIPMessage

extension ControlPlane {
    /// Why the requests with a Call-ID went where they went.
    package func explain(callID: String) async throws -> ExplainReport {
        let workers = try await edge?.explain(callID: ByteBuffer(string: callID)) ?? []
        let now = NIODeadline.now()
        let age = (ContinuousClock.now - startedAt) / .nanoseconds(1)
        let numbers = numbers
        let (published, plans) = (published(), plans())
        let writer = ExplainWriter(
            now: now,
            date: Date(),
            startedAt: now - .nanoseconds(Int64(age)),
            limit: configuration.limits.rememberedRequests,
            listenerName: { numbers.name(of: $0) },
            poolName: { numbers.name(of: $0) },
            published: { published[BackendID(pool: $0, endpoint: $1)] },
            proof: { plans[$0]?[$1]?.description }
        )
        return writer.report(callID: callID, workers)
    }

    /// How the backends of each pool are authenticated by DANE.
    private func plans() -> [PoolID: [Endpoint: DANEPlan]] {
        Dictionary(pools.values.map { ($0.state.id, $0.plans) }, uniquingKeysWith: { first, _ in first })
    }

    /// What DNS and literal addresses publish of each backend.
    private func published() -> [BackendID: BackendCandidate] {
        var all: [BackendID: BackendCandidate] = [:]
        for pool in pools.values {
            for (endpoint, member) in pool.state.membership.members where member.vanishedAt == nil {
                all[BackendID(pool: pool.state.id, endpoint: endpoint)] = member.candidate
            }
        }
        return all
    }
}

extension ExplainReport {
    /// Where the admin API tells of a Call-ID.
    package static func path(callID: String) -> String {
        // What RFC 3986 section 2.3 leaves as it is; a Call-ID may hold every mark that divides a query.
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
        )
        return "/api/v1/explain?call_id=\(callID.addingPercentEncoding(withAllowedCharacters: unreserved) ?? "")"
    }
}
