// SPDX-License-Identifier: Apache-2.0

/// What one selection made of one backend, for `brana explain` and the request log.
package struct SelectionNote: Sendable, Hashable {
    /// How the backend stood in the selection.
    package enum Standing: String, Sendable, Hashable {
        /// It could be chosen.
        case eligible
        /// It could be chosen because no backend was usable (LOC-54).
        case panic
        /// The request had been there.
        case tried
        /// The worker could not reach it, which the snapshot did not know yet.
        case locallyDown = "locally-down"
        /// It asked to be spared (RFC 7339), and the request was held back from it.
        case throttled
        /// Its state excluded it.
        case state
        /// A backend of a lower priority number came first (RFC 2782): it was usable, or none was.
        case laterPriority = "later-priority"
        /// Another address of the target that was tried before came first (LOC-48), or one preferred to this (LOC-41).
        case laterAddress = "later-address"
    }

    /// The backend's place in the view.
    package let index: Int
    package let standing: Standing
    /// The standing in words, with the backend's name and state.
    package let words: String
}
