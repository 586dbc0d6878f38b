// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Token buckets of sources")
struct SourceTableTests {
    private let source = IPAddress.v4(0xC633_6407)
    private let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// A table that expectations can charge.
    private final class Table {
        var table: SourceTable

        init(_ limits: SourceLimits) { table = SourceTable(limits, seed: 7) }

        var displaced: UInt64 { table.displaced }

        func charge(
            _ source: IPAddress,
            isProven: Bool = true,
            _ kind: RateClass = .invite,
            bytes: Int = 1,
            now: NIODeadline
        ) -> SourceTable.Verdict {
            table.charge(source, isProven: isProven, kind, bytes: bytes, now: now)
        }

        func answered(_ source: IPAddress, status: UInt16, now: NIODeadline) -> Bool {
            table.answered(source, status: status, now: now)
        }

        func isBanned(_ source: IPAddress, now: NIODeadline) -> Bool { table.isBanned(source, now: now) }
    }

    private func table(_ adjust: (inout SourceLimits) -> Void) -> Table {
        var limits = SourceLimits()
        limits.burst = .seconds(1)
        adjust(&limits)
        return Table(limits)
    }

    /// How many of `rate` messages a second over `seconds` are let through in each second.
    private func pass(
        _ table: Table,
        _ rate: Int,
        over seconds: Int,
        _ kind: RateClass = .invite,
        from: IPAddress? = nil
    ) -> [Int] {
        (0..<seconds).map { second in
            (0..<rate).count { number in
                let time = TimeAmount.nanoseconds(Int64(second * rate + number) * 1_000_000_000 / Int64(rate))
                let verdict = table.charge(from ?? source, isProven: true, kind, bytes: 500, now: beginning + time)
                return verdict == .admitted
            }
        }
    }

    @Test("OVL-21: of 60 INVITEs a second against a limit of 50, ten a second are turned away")
    func rate() {
        let table = table { $0.invite = 50 }
        let passed = pass(table, 60, over: 20)
        #expect(passed[10...].allSatisfy { (49...51).contains($0) }, "\(passed)")
        #expect(passed[0] == 60)
        // Other methods have buckets of their own, here without a limit.
        #expect(pass(table, 500, over: 2, .register) == [500, 500])
    }

    @Test("OVL-21: what is answered meanwhile costs no tokens: who stays below the limit is never turned away")
    func answers() {
        let table = table { $0.invite = 50 }
        for number in 0..<(60 * 40) {
            let now = beginning + .milliseconds(Int64(number) * 25)
            #expect(table.charge(source, now: now) == .admitted)
            _ = table.answered(source, status: 200, now: now + .milliseconds(20))
        }
    }

    @Test(
        "OVL-21: each kind of request has its own bucket",
        arguments: [
            (SIPMethod.register, RateClass.register), (.invite, .invite), (.options, .options), (.ack, .other),
            (.other, .other),
        ]
    )
    func classes(method: SIPMethod, kind: RateClass) { #expect(RateClass(method) == kind) }

    @Test("OVL-21: OPTIONS have a bucket of their own where one is set, and are among the others where none is")
    func ownBucketOfOptions() {
        let own = table {
            $0.other = 100
            $0.options = 10
        }
        #expect(pass(own, 50, over: 3, .options)[1...] == [10, 10])
        let now = beginning + .seconds(3)
        #expect((0..<100).allSatisfy { _ in own.charge(source, .other, now: now) == .admitted })
        let shared = table { $0.other = 10 }
        #expect(shared.charge(source, .options, now: beginning) == .admitted)
        for _ in 0..<9 { _ = shared.charge(source, .other, now: beginning) }
        #expect(shared.charge(source, .options, now: beginning) == .limited(.rateOther))
        let limited = table { $0.options = 1 }
        _ = limited.charge(source, .options, now: beginning)
        #expect(limited.charge(source, .options, now: beginning) == .limited(.rateOptions))
        #expect(limited.charge(source, .other, now: beginning) == .admitted)
    }

    @Test("OVL-39: failures over UDP are counted apart, and nobody is banned for them")
    func forgeableFailures() {
        var table = SourceTable(SourceLimits(), seed: 7)
        var limits = SourceLimits()
        limits.banFailures = 5
        table.adopt(limits)
        let banned = (0..<50).map { _ in table.answered(source, isProven: false, status: 401, now: beginning) }
        #expect(!banned.contains(true))
        let known = SourceDescription(address: source, isProven: false, refused: 0, failures: 50, bannedFor: nil)
        #expect(table.descriptions(now: beginning) == [known])
    }

    @Test("OVL-21: bytes are counted too; a message above what is left overdraws and is paid off")
    func bytes() {
        let table = table { $0.bytes = 1000 }
        func send(_ size: Int, at milliseconds: Int64) -> SourceTable.Verdict {
            table.charge(source, isProven: true, .other, bytes: size, now: beginning + .milliseconds(milliseconds))
        }
        #expect(send(3000, at: 0) == .admitted)
        #expect(send(1, at: 1900) == .limited(.rateBytes))
        #expect(send(1, at: 2100) == .admitted)
    }

    @Test("OVL-21: a /24 and a /48 may together do a number of times what one address may")
    func networks() {
        let table = table {
            $0.invite = 10
            $0.networkFactor = 3
        }
        for (first, elsewhere) in [
            (IPAddress.v4(0xC633_6400), IPAddress.v4(0xC633_6500)),
            (.v6(high: 0x2001_0DB8_0001_0000, low: 0), .v6(high: 0x2001_0DB8_0002_0000, low: 0)),
        ] {
            func neighbour(_ number: UInt32) -> IPAddress {
                switch first {
                case .v4(let value): .v4(value + number)
                case .v6(let high, _): .v6(high: high + UInt64(number), low: UInt64(number))
                }
            }
            var admitted = 0
            var verdicts: Set<SourceTable.Verdict> = []
            for number in 1...100 {
                let address = neighbour(UInt32(number))
                let verdict = table.charge(address, isProven: true, .invite, bytes: 1, now: beginning)
                if verdict == .admitted { admitted += 1 } else { verdicts.insert(verdict) }
            }
            #expect(admitted == 30 && verdicts == [.limited(.rateNetwork)])
            #expect(table.charge(elsewhere, isProven: true, .invite, bytes: 1, now: beginning) == .admitted)
        }
    }

    @Test("OVL-21: who goes on above the limit is banned for a time, and is let in again after it")
    func ban() {
        let table = table {
            $0.invite = 10
            $0.banAfter = 5
            $0.banTime = .seconds(60)
        }
        func send(at seconds: Int64) -> SourceTable.Verdict {
            table.charge(source, isProven: true, .invite, bytes: 1, now: beginning + .seconds(seconds))
        }
        let verdicts = (0..<16).map { _ in send(at: 0) }
        #expect(verdicts.count { $0 == .admitted } == 10 && verdicts.count { $0 == .limited(.rateInvite) } == 4)
        #expect(Array(verdicts[14...]) == [.banning(.rateInvite), .banned])
        #expect(table.isBanned(source, now: beginning + .seconds(59)) && send(at: 59) == .banned)
        #expect(table.table.counts(now: beginning + .seconds(59)).banned == 1)
        #expect(!table.isBanned(source, now: beginning + .seconds(60)) && send(at: 60) == .admitted)
        #expect(!table.isBanned(.v4(1), now: beginning))
    }

    @Test(
        "OVL-21: what is spread over more than the window bans nobody, nor does any datagram, and it costs streams nothing"
    )
    func noBan() {
        let table = table {
            $0.invite = 1
            $0.banAfter = 5
        }
        func send(at seconds: Double, _ isProven: Bool) -> SourceTable.Verdict {
            let time = beginning + .nanoseconds(Int64(seconds * 1e9))
            return table.charge(source, isProven: isProven, .invite, bytes: 1, now: time)
        }
        for number in 0..<100 {
            let verdict = send(at: Double(number) / 1000, false)
            #expect(verdict == (number == 0 ? .admitted : .limited(.rateInvite)))
        }
        #expect(send(at: 1, true) == .admitted)
        for round in 0..<10 {
            for _ in 0..<4 { #expect(send(at: 1.1 + Double(round) * 11, true) != .banning(.rateInvite)) }
        }
    }

    @Test("OVL-39: 401, 403 and 404 of backends are counted by source; a challenge that is met is not held against it")
    func failures() {
        let table = table { $0.banFailures = 50 }
        for _ in 0..<200 {
            #expect(!table.answered(source, status: 401, now: beginning))
            #expect(!table.answered(source, status: 200, now: beginning))
        }
        let banned = (1...50).map { _ in table.answered(source, status: 403, now: beginning) }
        #expect(banned == [Bool](repeating: false, count: 49) + [true])
        let known = SourceDescription(address: source, refused: 0, failures: 250, bannedFor: .minutes(5))
        #expect(table.table.descriptions(now: beginning) == [known])
        #expect(table.isBanned(source, now: beginning))
        let counting = self.table { $0.invite = 1 }
        #expect((1...500).allSatisfy { _ in !counting.answered(source, status: 404, now: beginning) })
    }

    @Test("OVL-39: who only succeeds takes no place, and pushes nobody out of theirs who fails")
    func successes() {
        let table = table { $0.banFailures = 50 }
        #expect(!table.answered(source, status: 404, now: beginning))
        let later = beginning + .seconds(10)
        for number in 0..<UInt32(100_000) { _ = table.answered(.v4(number), status: 200, now: later) }
        let known = SourceDescription(address: source, refused: 0, failures: 1, bannedFor: nil)
        #expect(table.table.descriptions(now: later) == [known])
        #expect(table.table.counts(now: later).known == 1 && table.displaced == 0)
    }

    @Test("Memory is bounded: sources beyond it take the places of those who were silent for longest, and that is told")
    func bounded() {
        let table = table { $0.invite = 10 }
        for number in 0..<UInt32(100_000) {
            let now = beginning + .milliseconds(Int64(number))
            _ = table.charge(.v4(number << 8), isProven: true, .invite, bytes: 1, now: now)
        }
        let counts = table.table.counts(now: beginning)
        #expect(counts.known <= SourceTable.capacity && counts.known > SourceTable.capacity / 4)
        // Nearly all that were given up had been silent for as long as their buckets take to fill.
        #expect(table.displaced < 1000)
        for number in 0..<UInt32(100_000) {
            _ = table.charge(.v4(number << 8), isProven: true, .invite, bytes: 1, now: beginning + .seconds(200))
        }
        #expect(table.displaced > 10_000)
    }

    @Test("What a source has used up stays used when the limits change, and a banned one keeps its place")
    func changes() {
        let table = table { $0.invite = 10 }
        for _ in 0..<10 { _ = table.charge(source, isProven: true, .invite, bytes: 1, now: beginning) }
        table.table.ban(.v4(9), until: beginning + .seconds(100), now: beginning)
        var limits = table.table.limits
        limits.invite = 20
        table.table.adopt(limits)
        #expect(table.charge(source, isProven: true, .invite, bytes: 1, now: beginning) == .limited(.rateInvite))
        for number in 0..<UInt32(100_000) {
            let now = beginning + .milliseconds(Int64(number))
            _ = table.charge(.v4(number << 8), isProven: true, .invite, bytes: 1, now: now)
        }
        #expect(table.isBanned(.v4(9), now: beginning + .seconds(99)))
    }
}
