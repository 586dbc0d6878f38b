// SPDX-License-Identifier: Apache-2.0

package import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import SIPLocation

/// A configuration with everything that it names read and built: nothing is left that could fail but the network.
package struct CheckedConfiguration: Sendable {
    package let configuration: Configuration
    let contexts: TLSContexts
    let resolver: ResolverParts
    /// The keys of flow tokens; nil where the file names none.
    let tokenKeys: TokenKeyRing?
    /// What is doubtful.
    package let warnings: [ConfigurationProblem]
    private let places: ConfigurationPlaces

    /// Every problem of a configuration that cannot be used.
    package struct Refusal: Error, CustomStringConvertible {
        package let problems: [ConfigurationProblem]

        package var description: String { problems.map(\.description).joined(separator: "\n") }
    }

    /// Reads and checks the file at `path`.
    package static func load(_ path: String) throws(Refusal) -> CheckedConfiguration {
        let outcome = ConfigurationLoader.load(path)
        guard let configuration = outcome.configuration else { throw Refusal(problems: outcome.problems) }
        let places = ConfigurationPlaces(file: path, positions: outcome.positions)
        var problems = outcome.problems
        func note(_ message: String, at place: String, _ severity: ConfigurationProblem.Severity = .error) {
            problems.append(places.problem(message, at: place, severity))
        }
        let (contexts, failures) = TLSContexts.build(configuration)
        for failure in failures {
            note("tls.\(failure.profile): \(failure.error)", at: place(of: failure, in: configuration))
        }
        for (name, context) in contexts.servers.merging(contexts.clients, uniquingKeysWith: { first, _ in first }) {
            for warning in context.warnings { note("tls.\(name): \(warning)", at: "tls.\(name).certificate", .warning) }
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
        let keys = tokenKeys(configuration.edge.tokenKeyFiles) { note($0, at: "edge.token_key_file") }
        guard !problems.contains(where: { $0.severity == .error }) else { throw Refusal(problems: problems) }
        return CheckedConfiguration(
            configuration: configuration,
            contexts: contexts,
            resolver: resolver,
            tokenKeys: keys,
            warnings: problems,
            places: places
        )
    }

    /// The keys that the files hold, the current one first; nil without any.
    private static func tokenKeys(_ files: [String], note: (String) -> Void) -> TokenKeyRing? {
        guard !files.isEmpty else { return nil }
        let keys = files.compactMap { TokenKey(file: $0) }
        guard keys.count == files.count else {
            note(
                "edge.token_key_file must hold \(TokenKey.minimumLength) random bytes at least; make it with: "
                    + "head -c \(TokenKey.minimumLength) /dev/urandom"
            )
            return nil
        }
        let ring = TokenKeyRing(keys)
        if ring == nil {
            note("two keys of edge.token_key_file cannot be told apart; name each once, or make another new one")
        }
        return ring
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
        let own = [
            (profile.certificate, "certificate"), (profile.key, "key"), (profile.ca, "ca"), (profile.crl, "crl"),
        ]
        let others = profile.serverNames.enumerated().flatMap { index, name in
            [(name.certificate, "server_names.\(index).certificate"), (name.key, "server_names.\(index).key")]
        }
        let found = own.first { $0.0 == file }?.1 ?? others.first { $0.0 == file }?.1
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
