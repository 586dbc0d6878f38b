// SPDX-License-Identifier: Apache-2.0

/// What `/api/v1/explain` and `brana explain --json` give: why the requests with a Call-ID went where they went.
package struct ExplainReport: Codable, Sendable {
    package var callId: String
    /// In the order in which they came.
    package var requests: [Request]
    package var memory: Memory
    /// Why there is nothing to tell; nil when there is.
    package var problem: String?

    /// How far back ended requests are remembered; those that run are always told of.
    package struct Memory: Codable, Sendable {
        /// `limits.remembered_requests`.
        package var limit: Int
        /// Requests that all workers remember now.
        package var remembered: Int
        package var forgotten: UInt64
        /// INVITEs that began after this time are remembered.
        package var invitesSince: String
        /// The same for other requests.
        package var othersSince: String
    }

    package struct Request: Codable, Sendable {
        package var method: String
        package var startedAt: String
        /// Address and port; what a load balancer in front conveyed, where there is one.
        package var source: String
        /// Where the connection really came from: that load balancer; nil without one.
        package var front: String?
        package var transport: String
        package var listener: String
        package var worker: Int
        /// The snapshot that it worked by.
        package var generation: UInt64
        package var isRunning: Bool
        package var isCancelled: Bool
        /// Whether it goes over TLS alone.
        package var isSecure: Bool
        /// What decided its way, in words.
        package var way: String
        /// The number of the route rule, counted from 1.
        package var route: Int?
        package var pool: String?
        package var target: String?
        /// What a backend was chosen by, in the words of the configuration.
        package var choice: String?
        /// The key of the affinity, as 16 hexadecimal digits.
        package var affinityKey: String?
        package var attempts: [Attempt]
        /// The final status that went to the client; nil when none did.
        package var status: UInt16?
        /// The phrase of a final that was made here.
        package var reason: String?
        /// What kept the request from being tried further, in words; nil where nothing but its backends did.
        package var cause: String?
        /// `edge` or `backend`; nil without a final.
        package var answeredBy: String?
        /// From the request to its final; nil while it runs.
        package var milliseconds: Double?
        /// Nil when the request went to no pool, or the pool as it was then is kept no longer.
        package var candidates: [Candidate]?
    }

    package struct Attempt: Codable, Sendable {
        /// Nil for the connection of a client.
        package var backend: String?
        /// Since the request came.
        package var afterMilliseconds: Double
        /// `waiting`, `answered`, `cancelled`, or what failed.
        package var outcome: String
        package var status: UInt16?
        package var milliseconds: Double?
        /// All of it in words.
        package var words: String
    }

    package struct Candidate: Codable, Sendable {
        package var backend: String
        package var name: String
        /// Which of the NAPTR records led to it, 0 the first.
        package var rank: UInt16
        package var priority: UInt16
        package var weight: UInt16
        /// The part of the weight that counted, in per cent: less than 100 during slow start.
        package var rampPercent: UInt8
        package var state: String
        /// How it stood when the request was to be sent first: `eligible`, or what excluded it.
        package var standing: String
        package var words: String
        /// The SRV name whose record leads there; nil when none does, or it is published no more.
        package var service: String?
        /// Whether the records that lead there have expired and serve because they could not be renewed.
        package var isStale: Bool
        /// The numbers of the attempts at it, counted from 1.
        package var attempts: [Int]
        /// Seconds until the records that lead to it expire, now; nil for a fixed address, or one that is published no more.
        package var ttlLeft: Int?
        /// What it must prove where DANE applies (RFC 7673), now.
        package var dane: String?
    }
}
