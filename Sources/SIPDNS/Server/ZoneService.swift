// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// The zone server's state on its event loop: messages in, messages out.
final class ZoneService {
    var zones: [ServedZone]
    var trouble = ZoneTrouble()
    var statistics = ZoneServer.Statistics()
    var connections = 0
    let limits: ZoneServer.Limits
    let report: @Sendable (ZoneServerEvent) -> Void

    init(
        zones: [ServedZone],
        limits: ZoneServer.Limits,
        report: @escaping @Sendable (ZoneServerEvent) -> Void
    ) {
        self.zones = zones
        self.limits = limits
        self.report = report
    }

    /// A response, and how long it is held back; nil when none is sent.
    func respond(to message: ByteBuffer, overTCP: Bool) -> (bytes: ByteBuffer, delay: TimeAmount)? {
        switch DNSQueryReader.read(message) {
        case .ignored: return nil
        case .malformed(let asked):
            let bytes = DNSResponseWriter.write(ZoneReply(code: .formatError), to: asked, limit: 512)
            return (bytes, .zero)
        case .query(let asked): return respond(to: asked, overTCP: overTCP)
        }
    }

    private func respond(to asked: DNSResponseWriter.Asked, overTCP: Bool) -> (bytes: ByteBuffer, delay: TimeAmount)? {
        var generator = SystemRandomNumberGenerator()
        statistics.queries += 1
        let fate = trouble.fate(of: asked.type, using: &generator)
        let limit = overTCP ? 65_535 : min(asked.datagramSize, limits.datagram)
        switch fate {
        case .dropped:
            statistics.dropped += 1
            return nil
        case .failed(let delay):
            report(.asked(DNSQuestion(asked.name, asked.type), overTCP: overTCP, .serverFailure))
            return (DNSResponseWriter.write(ZoneReply(code: .serverFailure), to: asked, limit: limit), delay)
        case .answered(let delay):
            guard asked.version == 0 else {
                // BADVERS is 16: its upper bits stand in the OPT record (RFC 6891 section 6.1.3).
                return (DNSResponseWriter.write(ZoneReply(), to: asked, limit: limit, extendedCode: 1), delay)
            }
            let reply = reply(to: asked)
            report(.asked(DNSQuestion(asked.name, asked.type), overTCP: overTCP, reply.code))
            return (DNSResponseWriter.write(reply, to: asked, limit: limit, ttl: trouble.ttl), delay)
        }
    }

    private func reply(to asked: DNSResponseWriter.Asked) -> ZoneReply {
        guard asked.opcode == 0 else { return ZoneReply(code: .notImplemented) }
        // Zone transfers (251, 252) are for other servers; this one has no secondaries.
        guard asked.isInternet, asked.type.rawValue != 251, asked.type.rawValue != 252 else {
            return ZoneReply(code: .refused)
        }
        return ZoneReply.reply(
            to: DNSQuestion(asked.name, asked.type),
            in: zones.map(\.zone),
            withDNSSEC: asked.wantsDNSSEC
        )
    }

    /// Takes changed zones in; a bad one leaves the old in place, and is told once.
    func adopt(_ changes: [ServedZone.Change]) {
        for change in changes where change.index < zones.count {
            zones[change.index].stamp = change.stamp
            switch change.result {
            case .success(let zone):
                zones[change.index].zone = zone
                statistics.reloads += 1
                let source = zones[change.index].source.name
                report(.loaded(source: source, origin: zone.origin, records: zone.records.count))
            case .failure(let problems):
                statistics.refusals += 1
                report(.refused(problems.problems))
            }
        }
    }
}

@available(*, unavailable)
extension ZoneService: Sendable {}
