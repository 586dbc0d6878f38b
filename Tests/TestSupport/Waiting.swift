// SPDX-License-Identifier: Apache-2.0

/// Waits until something real has happened, at most for a given time.
package enum Waiting {
    /// Asks every 20 ms until `condition` holds; false when it never did within `limit`.
    package static func until(
        within limit: Duration,
        _ condition: @Sendable () async throws -> Bool
    ) async rethrows -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if try await condition() { return true }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return try await condition()
    }
}
