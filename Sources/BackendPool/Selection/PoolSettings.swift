// SPDX-License-Identifier: Apache-2.0

/// What the configuration says of a pool and the data plane needs to know.
package struct PoolSettings: Sendable, Hashable {
    /// The name under `pools:`.
    package var name: String
    /// The target as it was written, such as `sip:voice.example.test`.
    package var targetText: String
    /// The domain that a backend's certificate must be for when a backend names none itself (RFC 5922 section 4).
    package var referenceDomain: String
    /// The TLS profile shown to backends; nil where the target needs none.
    package var tlsProfileName: String?
    package var affinity: AffinityPolicy
    /// What decides where `affinity` does not.
    package var algorithm: SelectionAlgorithm
    /// How long a silent backend is waited for; nil as RFC 3263 section 4.3 has it, until the transaction ends.
    package var firstResponse: FirstResponseLimits?

    package init(
        name: String,
        targetText: String = "",
        referenceDomain: String = "",
        tlsProfileName: String? = nil,
        affinity: AffinityPolicy = .none,
        algorithm: SelectionAlgorithm = .srv,
        firstResponse: FirstResponseLimits? = FirstResponseLimits()
    ) {
        self.name = name
        self.targetText = targetText
        self.referenceDomain = referenceDomain
        self.tlsProfileName = tlsProfileName
        self.affinity = affinity
        self.algorithm = algorithm
        self.firstResponse = firstResponse
    }
}
