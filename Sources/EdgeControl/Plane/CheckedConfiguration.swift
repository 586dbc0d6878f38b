// SPDX-License-Identifier: Apache-2.0

package import EdgeConfiguration
internal import EdgeRuntime
package import EdgeTLS
internal import SIPLocation

/// A configuration with everything that it names read and built: nothing is left that could fail but the network.
package struct CheckedConfiguration: Sendable {
    package let configuration: Configuration
    let contexts: TLSContexts
    let resolver: ResolverParts
    /// The keys of flow tokens; nil where the file names none.
    let tokenKeys: TokenKeyRing?
    /// What its TLS contexts share.
    let secrets: TLSSecrets
    /// Where what outlives a restart is kept, where there is such a place.
    let state: StateDirectory?
    /// What is doubtful.
    package let warnings: [ConfigurationProblem]
    private let places: ConfigurationPlaces

    /// Every problem of a configuration that cannot be used.
    package struct Refusal: Error, CustomStringConvertible {
        package let problems: [ConfigurationProblem]

        package var description: String { problems.map(\.description).joined(separator: "\n") }
    }

    /// Reads and checks the file at `path`.
    ///
    /// - Parameter former: what ran before, whose secrets go on where the file names no others.
    static func load(_ path: String, following former: CheckedConfiguration) throws(Refusal) -> CheckedConfiguration {
        try load(path, former.secrets, former.state)
    }

    /// Reads and checks the file at `path`.
    ///
    /// - Parameters:
    ///   - keyLog: where the secrets of all connections are written, if anywhere.
    ///   - state: where what outlives a restart is kept, if anywhere.
    package static func load(
        _ path: String,
        keyLog: KeyLog? = nil,
        state: StateDirectory? = nil
    ) throws(Refusal) -> CheckedConfiguration {
        try load(path, TLSSecrets(keyLog: keyLog), state)
    }

    private static func load(
        _ path: String,
        _ former: TLSSecrets,
        _ state: StateDirectory?
    ) throws(Refusal) -> CheckedConfiguration {
        let outcome = ConfigurationLoader.load(path)
        guard let configuration = outcome.configuration else { throw Refusal(problems: outcome.problems) }
        let places = ConfigurationPlaces(file: path, positions: outcome.positions)
        var problems = outcome.problems
        func note(_ message: String, at place: String, _ severity: ConfigurationProblem.Severity = .error) {
            problems.append(places.problem(message, at: place, severity))
        }
        let tickets = ticketKeys(configuration.edge, former.tickets) { note($0, at: "edge.ticket_key_file", $1) }
        let secrets = TLSSecrets(tickets: tickets, keyLog: former.keyLog, staples: former.staples)
        let (contexts, failures) = TLSContexts.build(configuration, secrets)
        for failure in failures {
            note("tls.\(failure.profile): \(failure.error)", at: place(of: failure, in: configuration))
        }
        for (name, context) in contexts.servers.merging(contexts.clients, uniquingKeysWith: { first, _ in first }) {
            for warning in context.warnings { note("tls.\(name): \(warning)", at: "tls.\(name).certificate", .warning) }
        }
        for listener in configuration.listeners {
            guard let warning = listener.identityWarning(contexts) else { continue }
            note(warning, at: "listeners.\(listener.name).address", .warning)
        }
        let (resolver, resolverFailures) = ResolverParts.build(configuration.resolver)
        for failure in resolverFailures {
            note("resolver.\(failure.key): \(failure.message)", at: "resolver.\(failure.key)")
        }
        for pool in configuration.pools {
            do throws(SIPTarget.Malformed) {
                _ = try SIPTarget(pool.target)
            } catch {
                note("pools.\(pool.name).target: \(error)", at: "pools.\(pool.name).target")
            }
        }
        let keys = tokenKeys(configuration.edge, state) { note($0, at: "edge.token_key_file", $1) }
        guard !problems.contains(where: { $0.severity == .error }) else { throw Refusal(problems: problems) }
        return CheckedConfiguration(
            configuration: configuration,
            contexts: contexts,
            resolver: resolver,
            tokenKeys: keys,
            secrets: secrets,
            state: state,
            warnings: problems,
            places: places
        )
    }

    /// The refusal of a configuration that turned out to be unusable at these places, such as `admin.http`; of the
    /// whole file when there is none.
    func refusal(_ message: String, at paths: [String]) -> Refusal {
        if paths.isEmpty { return Refusal(problems: [places.problem(message, at: "")]) }
        return refusal(paths.map { (path: $0, message: message) })
    }

    /// The same for what is different from place to place.
    func refusal(_ problems: [(path: String, message: String)]) -> Refusal {
        Refusal(problems: problems.map { places.problem("\($0.path): \($0.message)", at: $0.path) })
    }

    /// The same for what the network or the system refused; other errors stay as they are.
    func refusal(of error: any Error) -> any Error {
        switch error {
        case let failure as Edge.BindFailure:
            refusal("cannot bind \(failure.address): \(failure.reason)", at: ["listeners.\(failure.listener).address"])
        case let failure as AdminServer.BindFailure:
            refusal("cannot serve \(failure.address): \(failure.reason)", at: ["admin.\(failure.key)"])
        default: error
        }
    }

    /// The path inside the document of the file at fault.
    private static func place(of failure: TLSContexts.Failure, in configuration: Configuration) -> String {
        let path = "tls.\(failure.profile)"
        guard let profile = configuration.tls[failure.profile], let file = failure.error.file else {
            return "\(path).certificate"
        }
        let found = profile.files.first { $0.file == file }?.path
        return "\(path).\(found ?? "certificate")"
    }
}

/// Where the values of a configuration stand, for problems that show only when it is used.
struct ConfigurationPlaces: Sendable {
    let file: String
    let positions: [String: SourcePosition]

    /// A problem with the value at a path inside the document; one that the file leaves to its default is shown at the
    /// section around it.
    func problem(
        _ message: String,
        at place: String,
        _ severity: ConfigurationProblem.Severity = .error
    ) -> ConfigurationProblem {
        var place = place[...]
        while positions[String(place)] == nil, !place.isEmpty {
            place = place.lastIndex(of: ".").map { place[..<$0] } ?? ""
        }
        let position = positions[String(place)]
        return ConfigurationProblem(
            severity: severity,
            file: file,
            line: position?.line ?? 0,
            column: position?.column ?? 0,
            message: message
        )
    }
}
