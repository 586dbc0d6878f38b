// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Ports of the loopback address that nothing uses, each given once in a process.
///
/// They lie below the range that the system gives to outgoing connections, so none is taken between the check and its
/// use. `BRANA_TEST_PORTS=first-last` chooses another range, for two test runs beside each other.
package enum FreePort {
    private static let range = chosenRange()
    private static let turns = Atomic<Int>(Int(ProcessInfo.processInfo.processIdentifier) &* 37)

    /// A port that is free for TCP and for UDP on 127.0.0.1.
    /// - Throws: `TestSupportError` when the whole range is taken.
    package static func next() throws -> Int {
        for _ in 0..<range.count {
            let turn = turns.add(1, ordering: .relaxed).oldValue
            let port = range.lowerBound + abs(turn % range.count)
            if isFree(port, SOCK_STREAM), isFree(port, SOCK_DGRAM) { return port }
        }
        throw TestSupportError("no free port in \(range)")
    }

    private static func chosenRange() -> Range<Int> {
        let bounds = (ProcessInfo.processInfo.environment["BRANA_TEST_PORTS"] ?? "").split(separator: "-").map {
            Int($0)
        }
        if bounds.count == 2, let first = bounds[0], let last = bounds[1], first < last { return first..<(last + 1) }
        return 20_000..<32_000
    }

    private static func isFree(_ port: Int, _ kind: __socket_type) -> Bool {
        // A process that is started meanwhile must not hold it.
        let descriptor = socket(AF_INET, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
