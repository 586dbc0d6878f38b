// SPDX-License-Identifier: Apache-2.0

/// Pools, backends, probes and DNS.
extension MetricCatalog {
    package static let poolBackends = Metric(
        .gauge,
        "pool_backends",
        "Backends of a pool by state.",
        .pool,
        .of("state", BackendStateLabel.self)
    )
    package static let poolTruncated = Metric(
        .gauge,
        "pool_truncated_backends",
        "Published backends beyond the limit of the pool, which are not used.",
        .pool
    )
    package static let poolMembership = Metric(
        .counter,
        "pool_membership_changes_total",
        "Backends whose standing in DNS changed.",
        .pool,
        .of("change", MembershipLabel.self)
    )
    package static let poolMajorityLosses = Metric(
        .counter,
        "pool_majority_losses_total",
        "DNS answers that dropped more than half of a pool at once.",
        .pool
    )
    package static let poolPanics = Metric(
        .counter,
        "pool_panic_selections_total",
        "Attempts sent to a backend that is not usable because none was.",
        .pool
    )

    package static let poolThrottles = Metric(
        .counter,
        "pool_throttled_requests_total",
        "Times that a request was held back from a backend that asked for less (RFC 7339).",
        .pool
    )
    package static let poolOverloadAlarms = Metric(
        .counter,
        "pool_overload_alarms_total",
        "Times that the only usable backend of a pool began to ask that more than 90 % be held back (RFC 7339).",
        .pool
    )
    package static let poolIgnoredFeedback = Metric(
        .counter,
        "pool_overload_feedback_ignored_total",
        "Responses whose overload feedback could not be used (RFC 7339).",
        .pool
    )

    package static let poolTLSLost = Metric(
        .gauge,
        "pool_tls_lost",
        "1 when the target published SIPS services and no longer does (RFC 3263 section 7).",
        .pool
    )

    package static let poolUnasked = Metric(
        .counter,
        "pool_tls_certificate_unasked_total",
        "TLS handshakes, not resumed, in which a backend did not ask for the certificate of the pool's profile.",
        .pool
    )

    package static let poolDANE = Metric(
        .gauge,
        "pool_dane_backends",
        "Backends of a pool with dane by what authenticates them; skipped: SRV targets that are left out (RFC 7673).",
        .pool,
        .of("outcome", DANELabel.self)
    )

    static let pool = [
        poolBackends, poolTruncated, poolMembership, poolMajorityLosses, poolPanics, poolThrottles, poolOverloadAlarms,
        poolIgnoredFeedback, poolTLSLost, poolUnasked, poolDANE,
    ]

    package static let backendUp = Metric(
        .gauge,
        "backend_up",
        "1 when the verdict of probes and traffic is up.",
        .pool,
        .backend
    )
    package static let backendUsable = Metric(
        .gauge,
        "backend_usable",
        "1 when new requests may go there.",
        .pool,
        .backend
    )
    package static let backendWeight = Metric(.gauge, "backend_weight", "Published weight.", .pool, .backend)
    package static let backendEffectiveWeight = Metric(
        .gauge,
        "backend_effective_weight",
        "Weight that counts, less than the published one during slow start.",
        .pool,
        .backend
    )
    package static let backendConnections = Metric(
        .gauge,
        "backend_connections_active",
        "Open connections to it.",
        .pool,
        .backend
    )
    package static let backendQueue = Metric(
        .gauge,
        "backend_queued_messages",
        "Messages that wait for a connection to it.",
        .pool,
        .backend
    )
    package static let backendAttempts = Metric(
        .counter,
        "backend_attempts_total",
        "Attempts to send a request to it that were answered or failed.",
        .pool,
        .backend
    )
    package static let backendFailures = Metric(
        .counter,
        "backend_failures_total",
        "Attempts that failed.",
        .pool,
        .backend,
        .of("reason", AttemptFailureLabel.self)
    )
    package static let backendDuration = Metric(
        .histogram,
        "backend_response_duration_seconds",
        "Time from an attempt to its final response.",
        .pool,
        .backend
    )
    package static let backendStateChanges = Metric(
        .counter,
        "backend_state_changes_total",
        "Changes of state, by the new one.",
        .pool,
        .backend,
        .of("state", BackendStateLabel.self)
    )

    static let backend = [
        backendUp, backendUsable, backendWeight, backendEffectiveWeight, backendConnections,
        backendQueue, backendAttempts, backendFailures, backendDuration, backendStateChanges,
    ]

    package static let probeResults = Metric(
        .counter,
        "probe_results_total",
        "Probes by how they ended.",
        .pool,
        .of("result", ProbeLabel.self)
    )
    package static let probeDuration = Metric(
        .histogram,
        "probe_duration_seconds",
        "Time of answered probes, set-up of the connection included.",
        .pool
    )

    static let probe = [probeResults, probeDuration]

    package static let dnsQueries = Metric(
        .counter,
        "dns_queries_total",
        "DNS queries by how they ended.",
        .of("outcome", DNSOutcomeLabel.self)
    )
    package static let dnsCacheEntries = Metric(.gauge, "dns_cache_entries", "Answers in the cache.")
    package static let dnsStaleEntries = Metric(
        .gauge,
        "dns_cache_stale_entries",
        "Expired answers in use because they could not be refreshed (RFC 8767)."
    )
    package static let dnsRefreshes = Metric(
        .counter,
        "dns_refreshes_total",
        "Resolutions of a pool's target; a failure found no backend, or could not ask for all, even if older answers serve on.",
        .pool,
        .of("result", ResultLabel.self)
    )

    package static let dnsRefreshDuration = Metric(
        .histogram,
        "dns_refresh_duration_seconds",
        "Time of these resolutions, all their queries together.",
        .pool
    )

    package static let dnsServersResting = Metric(
        .gauge,
        "dns_servers_resting",
        "Name servers that did not answer lately and are asked only when no other is left."
    )

    static let dns = [
        dnsQueries, dnsCacheEntries, dnsStaleEntries, dnsServersResting, dnsRefreshes, dnsRefreshDuration,
    ]
}
