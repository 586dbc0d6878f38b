// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Numbers seen so far, from any thread.
final class Counter: Sendable {
    private let seen = Mutex<[UInt16]>([])

    func add(_ number: UInt16) { seen.withLock { $0.append(number) } }

    var distinct: Int { seen.withLock { Set($0).count } }
}
