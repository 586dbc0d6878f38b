// SPDX-License-Identifier: Apache-2.0

package import EdgeConfiguration
internal import EdgeTLS
internal import SIPLocation

/// A configuration with everything that it names read and built: nothing is left that could fail but the network.
package struct CheckedConfiguration: Sendable {
    package let configuration: Configuration
    let contexts: TLSContexts
    let resolver: ResolverParts
    let tokenKey: TokenKey
    /// What is doubtful.
    package let warnings: [ConfigurationProblem]

    /// Every problem of a configuration that cannot be used.
    package struct Refusal: Error, CustomStringConvertible {
        package let problems: [ConfigurationProblem]

        package var description: String { problems.map(\.description).joined(separator: "\n") }
    }

    /// Reads and checks the file at `path`.
    package static func load(_ path: String) throws(Refusal) -> CheckedConfiguration {
        let outcome = ConfigurationLoader.load(path)
        guard let configuration = outcome.configuration else { throw Refusal(problems: outcome.problems) }
        var problems = outcome.problems
        func note(_ message: String, at place: String, _ severity: ConfigurationProblem.Severity = .error) {
            let position = outcome.positions[place]
            problems.append(
                ConfigurationProblem(
                    severity: severity,
                    file: path,
                    line: position?.line ?? 0,
                    column: position?.column ?? 0,
                    message: message
                )
            )
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
        let key = configuration.edge.tokenKeyFile.map { TokenKey(file: $0) } ?? TokenKey()
        if key == nil {
            note(
                "edge.token_key_file must hold \(TokenKey.minimumLength) random bytes at least",
                at: "edge.token_key_file"
            )
        }
        guard let key, !problems.contains(where: { $0.severity == .error }) else { throw Refusal(problems: problems) }
        return CheckedConfiguration(
            configuration: configuration,
            contexts: contexts,
            resolver: resolver,
            tokenKey: key,
            warnings: problems
        )
    }

    /// The path inside the document of the file at fault.
    private static func place(of failure: TLSContexts.Failure, in configuration: Configuration) -> String {
        let profile = configuration.tls[failure.profile]
        let key =
            switch failure.error.file {
            case profile?.key: "key"
            case profile?.ca: "ca"
            case profile?.crl: "crl"
            default: "certificate"
            }
        return "tls.\(failure.profile).\(key)"
    }
}
