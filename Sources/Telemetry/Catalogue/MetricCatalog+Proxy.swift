// SPDX-License-Identifier: Apache-2.0

/// Messages, transactions, flows, limits and the request log.
extension MetricCatalog {
    package static let requests = Metric(
        .counter,
        "proxy_requests_total",
        "Requests that have got a final response or ended without one; the pool is empty where no route chose one.",
        .of("method", MethodLabel.self),
        .pool
    )
    package static let responses = Metric(
        .counter,
        "proxy_responses_total",
        "Responses sent to clients, repeats not counted.",
        .of("class", ResponseClassLabel.self),
        .of("origin", OriginLabel.self)
    )
    package static let requestDuration = Metric(
        .histogram,
        "proxy_request_duration_seconds",
        "Time from a request to the final response sent for it.",
        .of("kind", RequestKindLabel.self)
    )
    package static let failovers = Metric(
        .counter,
        "proxy_failovers_total",
        "Requests sent on to another backend after a failed attempt.",
        .of("reason", AttemptFailureLabel.self)
    )
    package static let nextHopFailures = Metric(
        .counter,
        "proxy_next_hop_failures_total",
        "Next hops named by a Route or a Request-URI that could not be used.",
        .of("reason", NextHopFailureLabel.self)
    )
    package static let suspicions = Metric(
        .counter,
        "proxy_backends_suspected_total",
        "Times that a worker began to pass a backend by because it was asked and said nothing."
    )
    package static let transactions = Metric(
        .gauge,
        "proxy_transactions_active",
        "Transactions held.",
        .of("side", TransactionLabel.self)
    )
    package static let timersActive = Metric(
        .gauge,
        "proxy_timers_active",
        "Timers that run; one that nobody needs any more runs to its end."
    )
    package static let timersFired = Metric(
        .counter,
        "proxy_timers_fired_total",
        "Timers that ran out (RFC 3261 sections 16.6 and 17, RFC 6026).",
        .of("timer", TimerLabel.self)
    )
    package static let malformed = Metric(
        .counter,
        "proxy_messages_malformed_total",
        "Messages that cannot be used; the first four are connections whose bytes are no SIP.",
        .of("reason", MalformedLabel.self)
    )
    package static let dropped = Metric(
        .counter,
        "proxy_messages_dropped_total",
        "Messages dropped without an answer.",
        .of("reason", DropLabel.self)
    )

    package static let rememberedRequests = Metric(
        .gauge,
        "proxy_requests_remembered",
        "Requests that have ended and that explain can tell of."
    )
    package static let forgottenRequests = Metric(
        .counter,
        "proxy_requests_forgotten_total",
        "Requests that explain can no longer tell of, because newer ones took their place."
    )
    package static let forgottenSnapshots = Metric(
        .counter,
        "proxy_snapshots_forgotten_total",
        "Earlier snapshots by whose pools explain can no longer tell of requests, once a worker."
    )

    static let proxy = [
        requests, responses, requestDuration, failovers, nextHopFailures, suspicions, transactions, timersActive,
        timersFired, malformed, dropped, rememberedRequests, forgottenRequests, forgottenSnapshots,
    ]

    package static let flowsActive = Metric(
        .gauge,
        "flow_connections_active",
        "Open connections, and UDP sockets towards backends.",
        .of("side", SideLabel.self)
    )
    package static let flowTokenFailures = Metric(
        .counter,
        "flow_token_failures_total",
        "Requests whose flow token was not honoured (RFC 5626 section 5.3).",
        .of("reason", TokenFailureLabel.self)
    )
    package static let flowBytesReceived = Metric(
        .counter,
        "flow_received_bytes_total",
        "SIP bytes received, without those of TLS.",
        .of("side", SideLabel.self)
    )
    package static let flowBytesSent = Metric(
        .counter,
        "flow_sent_bytes_total",
        "SIP bytes sent, without those of TLS.",
        .of("side", SideLabel.self)
    )

    package static let flowAliases = Metric(
        .gauge,
        "flow_aliases",
        "Places by which connections are known that servers have opened and offered for requests (RFC 5923)."
    )
    package static let aliasedRequests = Metric(
        .counter,
        "flow_aliased_requests_total",
        "Requests that were sent on connections which their servers had opened (RFC 5923)."
    )

    static let flow = [
        flowsActive, flowTokenFailures, flowBytesReceived, flowBytesSent, flowAliases, aliasedRequests,
    ]

    package static let limitHits = Metric(
        .counter,
        "limit_hits_total",
        "Times that a limit was reached.",
        .of("limit", LimitLabel.self)
    )

    package static let trackedSources = Metric(
        .gauge,
        "limit_tracked_sources",
        "Sources whose requests are counted, or whose failures at backends are, by the worker that has most of them."
    )
    package static let bannedSources = Metric(
        .gauge,
        "limit_banned_sources",
        "Sources that are banned, by the worker that knows most of them."
    )
    package static let displacedSources = Metric(
        .counter,
        "limit_displaced_sources_total",
        "Sources that were forgotten while they were active, because others needed their place."
    )

    static let limit = [limitHits, trackedSources, bannedSources, displacedSources]

    package static let requestLinesDropped = Metric(
        .counter,
        "log_request_lines_dropped_total",
        "Request log lines that were left out because too many waited to be written."
    )

    package static let connectionLinesDropped = Metric(
        .counter,
        "log_connection_lines_dropped_total",
        "Log lines about single connections, such as failed TLS handshakes, that were left out: more than 20 a second."
    )

    static let log = [requestLinesDropped, connectionLinesDropped]
}
