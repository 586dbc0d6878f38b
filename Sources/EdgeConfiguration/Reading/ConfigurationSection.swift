// SPDX-License-Identifier: Apache-2.0

/// A place in a configuration file that has keys of its own.
///
/// The raw value is the place: `*` stands for a name of the operator's choice, `[]` for an entry of a list.
package enum ConfigurationSection: String, Sendable, Hashable, CaseIterable {
    case file = ""
    case edge
    case listener = "listeners[]"
    case tls = "tls.*"
    case serverName = "tls.*.server_names[]"
    case resolver
    case pool = "pools.*"
    case health = "pools.*.health"
    case ejection = "pools.*.ejection"
    case firstResponse = "pools.*.first_response_timeout"
    case route = "routes[]"
    case condition = "routes[].when"
    case rejection = "routes[].reject"
    case limits
    case rates = "limits.rates"
    case ban = "limits.ban"
    case admin
    case logging
    case syslog = "logging.syslog"

    /// Every key that may stand there; any other is refused.
    package var keys: [String] {
        switch self {
        case .file: ["edge", "listeners", "tls", "resolver", "pools", "routes", "limits", "admin", "logging"]
        case .edge:
            [
                "name", "workers", "domains", "drain_timeout", "token_key_file", "path", "remove_headers",
                "server_header",
            ]
        case .listener: ["name", "address", "transport", "tls", "role", "advertise", "udp_only", "over_limit", "trust"]
        case .tls:
            [
                "certificate", "key", "ca", "verify", "require", "minimum_version", "maximum_version", "ciphers",
                "cipher_suites", "verify_depth", "crl", "session_tickets", "server_names",
            ]
        case .serverName: ["name", "certificate", "key"]
        case .resolver:
            [
                "servers", "ca", "timeout", "attempts", "minimum_ttl", "maximum_ttl", "stale", "dnssec", "trust_anchor",
                "overrides", "case_randomization",
            ]
        case .pool:
            [
                "target", "tls", "verify_name", "accept_wildcards", "transports", "families", "naptr_failover",
                "allow_downgrade", "tls_loss", "affinity", "balance", "health", "ejection", "retry_after_limit",
                "slow_start",
                "connections", "queue", "first_response_timeout", "retry_codes", "tries", "allow_loopback", "via",
                "trust", "require_tls", "keep_alive", "any_response_source",
            ]
        case .health: ["probe", "interval", "jitter", "timeout", "fall", "rise", "accept", "probe_before_use"]
        case .ejection:
            [
                "consecutive_failures", "failure_percent", "minimum_requests", "base_time", "max_time", "max_percent",
            ]
        case .firstResponse: ["invite", "other"]
        case .route: ["when", "pool", "reject"]
        case .condition: ["methods", "domains", "listeners", "sources", "peers"]
        case .rejection: ["status", "reason"]
        case .limits:
            [
                "connections", "connections_per_source", "connections_per_identity", "handshakes",
                "handshakes_per_source", "handshakes_per_worker", "transactions",
                "remembered_requests", "handshake_timeout", "connect_timeout", "idle_timeout", "message_timeout",
                "message_size", "header_size", "write_queue", "shed_lag", "refuse_lag", "trusted", "rates", "ban",
            ]
        case .rates:
            [
                "register", "invite", "other", "bytes", "handshakes", "connection", "network_factor", "burst",
            ]
        case .ban: ["after", "failures", "within", "time"]
        case .admin: ["socket", "http"]
        case .logging: ["level", "stderr", "syslog", "request_line"]
        case .syslog: ["socket", "facility", "app_name"]
        }
    }
}
