// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// RFC 3263 section 4 as a function: from a target and the answers that are known to the next step.
///
/// It keeps no state of its own. The driver asks what it wants, adds the answers and calls again, so that every order of
/// answers gives the same result and a test needs nothing but values.
package struct TargetResolution: Sendable {
    package let target: SIPTarget
    package let policy: ResolutionPolicy

    package init(_ target: SIPTarget, policy: ResolutionPolicy = ResolutionPolicy()) {
        self.target = target
        self.policy = policy
    }

    /// The next step, by what is known.
    package func step(_ known: [DNSQuestion: DNSAnswer]) -> ResolutionStep { evaluate(known).step }

    /// The next step, and what was seen on the way to it.
    package func evaluate(_ known: [DNSQuestion: DNSAnswer]) -> ResolutionTrace {
        var walk = Walk(policy: policy, known: known)
        let step = step(&walk)
        return ResolutionTrace(
            step: step,
            notes: walk.notes,
            passedOver: walk.passedOver,
            publishesTLS: walk.publishesTLS,
            skipped: walk.skipped
        )
    }

    private func step(_ walk: inout Walk) -> ResolutionStep {
        do throws(Walk.Stop) {
            try locate(&walk)
        } catch {
            switch error {
            case .ask: return .ask(walk.asked)
            case .absent(let reason): return .absent(reason)
            case .failed(let reason): return .failed(reason)
            }
        }
        if !walk.asked.isEmpty { return .ask(walk.asked) }
        // What DANE rules out must not stay because something else could not be asked.
        guard !walk.servers.isEmpty || walk.skipped > 0 && walk.failure != nil else {
            return walk.failure.map { .failed($0) } ?? .absent(walk.notes.last ?? "no server was found")
        }
        return .resolved(
            LocatedTarget(
                servers: walk.servers,
                expiresAt: walk.expiresAt,
                refreshAt: walk.refreshAt,
                isStale: walk.isStale,
                unanswered: walk.unanswered,
                problem: walk.failure,
                notes: walk.notes
            )
        )
    }

    private func locate(_ walk: inout Walk) throws(Walk.Stop) {
        switch target.host {
        case .address(let address):
            let transport = target.transport ?? (target.isSecure ? .tls : .udp)
            let port = target.port ?? transport.defaultPort
            walk.add(address, Published(name: address.description, transport, port: port))
        case .service(let name):
            let transport = target.transport ?? .tcp
            if case .absent = try srv(name, transport, rank: 0, &walk) {
                throw .absent("there is no SRV record \(name)")
            }
        case .name(let name):
            if let port = target.port {
                let transport = target.transport ?? (target.isSecure ? .tls : .udp)
                try addresses(name, Published(name: name.text, transport, port: port), &walk)
            } else if let transport = target.transport {
                try explicit(name, transport, &walk)
            } else {
                try byNAPTR(name, &walk)
            }
        }
    }

    /// The transport is said: SRV of that transport, else the host's addresses (RFC 3263 section 4.2).
    private func explicit(_ name: DNSName, _ transport: SIPTransport, _ walk: inout Walk) throws(Walk.Stop) {
        guard policy.transports.contains(transport) else {
            throw .absent("transport \(transport.name) is not used here")
        }
        if case .absent = try srv(name.prefixed(Self.label(transport)), transport, rank: 0, &walk) {
            try addresses(name, Published(name: name.text, transport, port: transport.defaultPort), &walk)
        }
    }

    /// The labels of a transport's SRV name (RFC 3263 section 4.1).
    static func label(_ transport: SIPTransport) -> String {
        switch transport {
        case .udp: "_sip._udp"
        case .tcp: "_sip._tcp"
        case .tls: "_sips._tcp"
        }
    }
}
