// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import NIOCore
internal import SIPMessage

/// `Simulate --damage COUNT`: so many damaged torture messages from fixed seeds; none may crash, take long or leave memory
/// behind (MSG-61).
struct DamageRun {
    /// Processor time that one message may take.
    static let timeLimit = 0.050
    /// By how much memory may have grown since a tenth was done.
    static let growthLimit = 8 << 20
    /// Messages by one seed, so that one that fails is found again soon.
    private static let block = 10_000
    private static let vectors = "Tests/TestSupport/Vectors"

    private(set) var failures: [String] = []
    private(set) var taken = 0
    private(set) var slowest = 0.0
    private(set) var growth = 0

    init(count: Int) {
        let messages = Self.messages()
        guard !messages.isEmpty else {
            failures.append("no messages in \(Self.vectors)")
            return
        }
        var before: Int?
        for start in stride(from: 0, to: count, by: Self.block) where failures.isEmpty {
            var damage = Damage(seed: UInt64(start / Self.block))
            for number in start..<min(count, start + Self.block) {
                look(damage.apply(to: messages[number % messages.count]), number)
            }
            if before == nil, start >= count / 10 { before = Self.residentBytes }
        }
        growth = Self.residentBytes - (before ?? 0)
        if growth > Self.growthLimit { failures.append("memory has grown by \(growth) bytes") }
    }

    private mutating func look(_ bytes: [UInt8], _ number: Int) {
        let began = Self.processorSeconds
        let check = DamageCheck(ByteBuffer(bytes: bytes))
        let time = Self.processorSeconds - began
        slowest = max(slowest, time)
        if check.wasTaken { taken += 1 }
        guard time > Self.timeLimit || !check.problems.isEmpty else { return }
        let text = "message \(number), \(String(decoding: bytes, as: UTF8.self))"
        if time > Self.timeLimit { failures.append("\(time) s for \(text)") }
        for problem in check.problems { failures.append("\(problem): \(text)") }
    }

    /// The torture messages, in the order of their names.
    private static func messages() -> [[UInt8]] {
        let names = FileManager.default.enumerator(atPath: vectors)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".dat") || $0.contains("/wire/") }.sorted()
            .compactMap { FileManager.default.contents(atPath: "\(vectors)/\($0)").map(Array.init) }
    }

    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Memory that the process holds.
    private static var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
