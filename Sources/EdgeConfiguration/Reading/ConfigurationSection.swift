// SPDX-License-Identifier: Apache-2.0

/// A place in a configuration file that has keys of its own.
///
/// The raw value is the place: `*` stands for a name of the operator's choice, `[]` for an entry of a list.
package enum ConfigurationSection: String, Sendable, Hashable, CaseIterable {
    case file = ""
    case edge
    case listener = "listeners[]"
    case proxyProtocol = "listeners[].proxy_protocol"
    case tls = "tls.*"
    case furtherCertificate = "tls.*.further_certificates[]"
    case serverName = "tls.*.server_names[]"
    case serverNameCertificate = "tls.*.server_names[].further_certificates[]"
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
                "name", "workers", "domains", "drain_timeout", "token_key_file", "ticket_key_file", "ticket_rotation",
                "watch_files", "path", "remove_headers", "priority_namespaces", "server_header", "peer_header",
            ]
        case .listener:
            [
                "name", "address", "transport", "tls", "role", "advertise", "udp_only", "over_limit", "trust",
                "allow_peers", "allow_peers_mode", "proxy_protocol", "overload_control",
            ]
        case .proxyProtocol: ["from", "versions"]
        case .tls:
            [
                "certificate", "key", "further_certificates", "ca", "verify", "require", "minimum_version",
                "maximum_version", "ciphers", "allow_cbc", "cipher_suites", "groups", "verify_depth", "eku",
                "eku_client", "crl", "crl_mode", "ocsp", "ocsp_response", "ocsp_fetch", "session_tickets",
                "server_names", "strict_server_names",
            ]
        case .furtherCertificate, .serverNameCertificate: ["certificate", "key", "ocsp_response"]
        case .serverName: ["name", "certificate", "key", "ocsp_response", "further_certificates", "profile"]
        case .resolver:
            [
                "servers", "ca", "timeout", "attempts", "minimum_ttl", "maximum_ttl", "stale", "dnssec", "trust_anchor",
                "overrides", "case_randomization",
            ]
        case .pool:
            [
                "target", "tls", "verify_name", "verify_names", "accept_wildcards", "transports", "families",
                "naptr_failover",
                "allow_downgrade", "tls_loss", "dane", "affinity", "balance", "health", "ejection", "retry_after_limit",
                "slow_start",
                "connections", "queue", "first_response_timeout", "retry_codes", "tries", "retry_percent",
                "allow_loopback", "via", "trust", "require_tls", "keep_alive", "any_response_source",
                "send_proxy_protocol", "overload_control", "connection_reuse",
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
                "handshakes_per_source", "handshakes_per_worker", "aliases", "transactions",
                "transactions_per_source", "transactions_per_connection",
                "remembered_requests", "handshake_timeout", "proxy_header_timeout", "connect_timeout", "idle_timeout",
                "message_timeout",
                "message_size", "header_size", "write_queue", "shed_lag", "refuse_lag", "trusted", "rates", "ban",
            ]
        case .rates:
            [
                "register", "invite", "other", "options", "bytes", "handshakes", "connection", "identity", "total",
                "network_factor", "burst",
            ]
        case .ban: ["after", "failures", "within", "time"]
        case .admin: ["socket", "http"]
        case .logging: ["level", "stderr", "syslog", "request_line"]
        case .syslog: ["socket", "facility", "app_name"]
        }
    }
}
