// SPDX-License-Identifier: Apache-2.0

/// The process, its listeners and its TLS.
extension MetricCatalog {
    package static let edgeInfo = Metric(
        .gauge,
        "edge_info",
        "1, with the version and the name of the edge.",
        Metric.Label(name: "version", values: "one"),
        Metric.Label(name: "name", values: "one")
    )
    package static let edgeUptime = Metric(.gauge, "edge_uptime_seconds", "Time since the start.")
    package static let edgeGeneration = Metric(.gauge, "edge_snapshot_generation", "Number of the snapshot in use.")
    package static let edgeWorkers = Metric(.gauge, "edge_workers", "Workers, one an event loop.")
    package static let edgeDraining = Metric(.gauge, "edge_draining", "1 while the edge drains before its end.")
    package static let edgeReloads = Metric(
        .counter,
        "edge_reloads_total",
        "Reloads of the configuration.",
        .of("result", ResultLabel.self)
    )
    package static let edgeLastReloadSuccess = Metric(
        .gauge,
        "edge_last_reload_success",
        "1 when the last reload was taken, 0 when it was refused and the old configuration stays."
    )

    package static let edgeLoopLag = Metric(
        .gauge,
        "edge_loop_lag_seconds",
        "How late the event loops were at worst in the last two seconds."
    )
    package static let edgeOverloadedWorkers = Metric(
        .gauge,
        "edge_overloaded_workers",
        "Workers that turn new requests away because their event loop is late."
    )
    package static let edgeAskedReduction = Metric(
        .gauge,
        "edge_asked_reduction_ratio",
        "What share of their requests clients with overload control are asked to hold back, from 0 to 0.9 (RFC 7339)."
    )

    static let edge = [
        edgeInfo, edgeUptime, edgeGeneration, edgeWorkers, edgeDraining, edgeReloads, edgeLastReloadSuccess,
        edgeLoopLag, edgeOverloadedWorkers, edgeAskedReduction,
    ]

    package static let connectionsAccepted = Metric(
        .counter,
        "listener_connections_accepted_total",
        "Connections accepted.",
        .listener
    )
    package static let connectionsActive = Metric(.gauge, "listener_connections_active", "Open connections.", .listener)
    package static let connectionsRefused = Metric(
        .counter,
        "listener_connections_refused_total",
        "Connections closed at once because of a limit, for want of a PROXY protocol header, or because of who the peer is.",
        .listener,
        .of("reason", RefusalLabel.self)
    )

    package static let listenerNameAstray = Metric(
        .gauge,
        "listener_name_astray",
        "1 when DNS did not lead the advertised name back to the listener, at the start or the last reload.",
        .listener
    )

    static let listener = [connectionsAccepted, connectionsActive, connectionsRefused, listenerNameAstray]

    package static let tlsHandshakes = Metric(
        .counter,
        "tls_handshakes_total",
        "Finished TLS handshakes.",
        .of("side", SideLabel.self),
        .of("version", TLSVersionLabel.self)
    )
    package static let tlsResumptions = Metric(
        .counter,
        "tls_resumptions_total",
        "Finished TLS handshakes that resumed a session.",
        .of("side", SideLabel.self)
    )
    package static let tlsFailures = Metric(
        .counter,
        "tls_handshake_failures_total",
        "Failed TLS handshakes.",
        .of("side", SideLabel.self),
        .of("reason", TLSFailureLabel.self)
    )
    package static let tlsConnectionFailures = Metric(
        .counter,
        "tls_connection_failures_total",
        "TLS connections that failed after their handshake.",
        .of("side", SideLabel.self),
        .of("reason", TLSFailureLabel.self)
    )
    package static let tlsHandshakeDuration = Metric(
        .histogram,
        "tls_handshake_duration_seconds",
        "Time of finished TLS handshakes, from the connection on.",
        .of("side", SideLabel.self)
    )
    package static let tlsCertificateDays = Metric(
        .gauge,
        "tls_certificate_remaining_days",
        "Days until the first certificate of a profile expires; negative when it has.",
        .profile
    )

    package static let tlsRevocationListSeconds = Metric(
        .gauge,
        "tls_revocation_list_remaining_seconds",
        "Seconds until the first issuer of a profile's revocation lists has no valid one any more; negative when that is past. Profiles without lists are left out.",
        .profile
    )

    package static let tlsStapleFetches = Metric(
        .counter,
        "tls_staple_fetches_total",
        "Authorities asked for an OCSP response to staple.",
        .of("result", ResultLabel.self)
    )
    package static let tlsStapleSeconds = Metric(
        .gauge,
        "tls_staple_remaining_seconds",
        "Seconds for which the fetched OCSP response of a certificate still counts; 0 when there is none.",
        .file
    )

    static let tls = [
        tlsHandshakes, tlsResumptions, tlsFailures, tlsConnectionFailures, tlsHandshakeDuration, tlsCertificateDays,
        tlsRevocationListSeconds, tlsStapleFetches, tlsStapleSeconds,
    ]
}
