// SPDX-License-Identifier: Apache-2.0

/// What the operator wants of a backend; it stands above what probes and traffic say.
package enum AdministrativeState: String, Sendable, Hashable, CaseIterable {
    case enabled
    /// No new dialogs; those that exist go on (OVL-35).
    case draining
    /// Nothing but probes: requests of its dialogs are refused too.
    case disabled
}
