// SPDX-License-Identifier: Apache-2.0

/// Work that is done for several things at the same time, of which nobody waits for the slowest.
enum SideBySide {
    /// Does `work` for all `items` and gives what has come of it in time, in the order in which it came; what ends later
    /// goes on, and its result is lost.
    static func results<Item: Sendable, Result: Sendable>(
        of items: [Item],
        within limit: Duration,
        _ work: @escaping @Sendable (Item) async -> Result
    ) async -> [Result] {
        guard !items.isEmpty else { return [] }
        let (results, continuation) = AsyncStream.makeStream(of: Result.self)
        for item in items { Task { continuation.yield(await work(item)) } }
        let clock = Task {
            try? await Task.sleep(for: limit)
            continuation.finish()
        }
        var found: [Result] = []
        for await result in results {
            found.append(result)
            if found.count == items.count { break }
        }
        clock.cancel()
        return found
    }
}
