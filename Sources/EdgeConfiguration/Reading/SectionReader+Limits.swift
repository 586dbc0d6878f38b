// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// What the edge takes at most.
extension SectionReader {
    func readLimits(_ node: Node?, into limits: inout LimitSettings) {
        guard let node, let values = reader.mapping(node, "limits", .limits) else { return }
        values.integer("connections", in: 1...1_000_000, &limits.connections)
        values.integer("connections_per_source", in: 1...1_000_000, &limits.connectionsPerSource)
        values.integer("handshakes", in: 1...1_000_000, &limits.handshakes)
        values.integer("handshakes_per_source", in: 1...1_000_000, &limits.handshakesPerSource)
        values.integer("handshakes_per_worker", in: 64...1_000_000, &limits.handshakesPerWorker)
        values.integer("connections_per_identity", in: 0...1_000_000, &limits.connectionsPerIdentity)
        values.integer("aliases", in: 0...100_000, &limits.aliases)
        values.integer("transactions", in: 1...10_000_000, &limits.transactions)
        values.integer("transactions_per_source", in: 0...10_000_000, &limits.transactionsPerSource)
        values.integer("transactions_per_connection", in: 0...10_000_000, &limits.transactionsPerConnection)
        values.integer("remembered_requests", in: 0...1_000_000, &limits.rememberedRequests)
        values.duration("handshake_timeout", in: .milliseconds(100) ... .seconds(60), &limits.handshakeTimeout)
        values.duration("proxy_header_timeout", in: .milliseconds(100) ... .seconds(60), &limits.proxyHeaderTimeout)
        values.duration("connect_timeout", in: .milliseconds(100) ... .seconds(60), &limits.connectTimeout)
        values.duration("idle_timeout", in: .seconds(32) ... .seconds(86_400), &limits.idleTimeout)
        values.duration("message_timeout", in: .seconds(1) ... .seconds(300), &limits.messageTimeout)
        values.size("message_size", in: 2048...(16 << 20), &limits.messageSize)
        values.size("header_size", in: 2048...(1 << 20), &limits.headerSize)
        if limits.headerSize > limits.messageSize {
            reader.error(
                values["header_size"] ?? values["message_size"],
                "limits.header_size is above limits.message_size, which it is a part of"
            )
        }
        values.size("write_queue", in: 65_536...(64 << 20), &limits.writeQueue)
        values.duration("shed_lag", in: .zero ... .seconds(10), &limits.shedLag)
        values.duration("refuse_lag", in: .zero ... .seconds(60), &limits.refuseLag)
        if limits.refuseLag > .zero, limits.refuseLag < limits.shedLag {
            reader.error(
                values["refuse_lag"] ?? values["shed_lag"],
                "limits.refuse_lag is below limits.shed_lag, which comes first"
            )
        }
        limits.trusted = networks(values, "trusted")
        readRates(values["rates"], into: &limits.rates)
        readBan(values["ban"], into: &limits.ban)
    }

    private func readRates(_ node: Node?, into rates: inout RateSettings) {
        guard let node, let values = reader.mapping(node, "limits.rates", .rates) else { return }
        values.integer("register", in: 0...1_000_000, &rates.register)
        values.integer("invite", in: 0...1_000_000, &rates.invite)
        values.integer("other", in: 0...1_000_000, &rates.other)
        values.integer("options", in: 0...1_000_000, &rates.options)
        values.size("bytes", in: 0...(1 << 30), &rates.bytes)
        values.integer("handshakes", in: 0...1_000_000, &rates.handshakes)
        values.integer("connection", in: 0...1_000_000, &rates.connection)
        values.integer("identity", in: 0...1_000_000, &rates.identity)
        values.integer("total", in: 0...1_000_000, &rates.total)
        values.integer("network_factor", in: 0...1_000, &rates.networkFactor)
        values.duration("burst", in: .seconds(1) ... .seconds(60), &rates.burst)
    }

    private func readBan(_ node: Node?, into ban: inout BanSettings) {
        guard let node, let values = reader.mapping(node, "limits.ban", .ban) else { return }
        values.integer("after", in: 0...1_000_000, &ban.after)
        values.integer("failures", in: 0...1_000_000, &ban.failures)
        values.duration("within", in: .seconds(1) ... .seconds(3600), &ban.within)
        values.duration("time", in: .seconds(1) ... .seconds(86_400), &ban.time)
    }

    /// A list of address ranges.
    func networks(_ values: MappingReader, _ key: String) -> [RouteSettings.Network] {
        values.strings(key).compactMap { node, text in
            guard let network = Self.network(text) else {
                reader.error(node, "'\(text)' is no address range; write it as 192.0.2.0/24 or 2001:db8::/32")
                return nil
            }
            return network
        }
    }
}
