// SPDX-License-Identifier: Apache-2.0

/// One change of a backend's state, to be logged and counted with its cause (OVL-30).
package struct HealthChange: Sendable, Hashable {
    package let backend: BackendID
    package let from: BackendState
    package let to: BackendState
    package let reason: String

    package init(backend: BackendID, from: BackendState, to: BackendState, reason: String) {
        self.backend = backend
        self.from = from
        self.to = to
        self.reason = reason
    }
}
