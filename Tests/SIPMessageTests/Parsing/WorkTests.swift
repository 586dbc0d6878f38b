// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Work that a message can cause")
struct WorkTests {
    /// Header lines that fill so many bytes with what is worst for some part of the parser.
    private static let worst: [(String, @Sendable (Int) -> [String])] = [
        ("many fields", { size in (0..<size / 4).map { _ in "a:" } }),
        ("one long field", { size in ["X: " + String(repeating: "a", count: size)] }),
        ("folds", { size in ["X: a" + String(repeating: "\r\n ", count: size / 3) + "b"] }),
        ("many Vias", { size in (0..<size / 24).map { _ in "v:SIP/2.0/UDP h;branch=" } }),
        (
            "Vias in one row",
            { size in ["v: " + Array(repeating: "SIP/2.0/UDP h", count: size / 14).joined(separator: ",")] }
        ),
        ("parameters", { size in ["v: SIP/2.0/UDP h" + String(repeating: ";a=b", count: size / 4)] }),
        ("an open quote", { size in ["Contact: \"" + String(repeating: "\\\"", count: size / 2)] }),
        ("quotes", { size in ["v: SIP/2.0/UDP h;a=" + String(repeating: "\"\";b=", count: size / 6) + "c"] }),
        ("routes", { size in ["Route: " + Array(repeating: "<sip:h;lr>", count: size / 11).joined(separator: ",")] }),
        ("white space", { size in ["X:" + String(repeating: " \t", count: size / 2) + "a"] }),
        ("brackets", { size in ["v: SIP/2.0/UDP [" + String(repeating: ":", count: size) + "]"] }),
    ]

    /// The shortest of some processor times that reading it took, which tests beside it on a busy machine do not add to.
    private func time(_ lines: [String]) -> Duration {
        let bytes = ByteBuffer(string: "\(Self.head)\(lines.joined(separator: "\r\n"))\r\n\r\n")
        return (0..<5).map { _ in
            let start = Self.processorTime
            if case .message(let message) = MessageParser.parse(bytes, framing: .datagram, limits: .none) {
                _ = message.routeValues(.route)
                _ = message.foreignBranches()
                _ = message.firstContact
            }
            return Self.processorTime - start
        }.min() ?? .zero
    }

    /// What this thread has used so far.
    private static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private static let head = """
        OPTIONS sip:a@b SIP/2.0\r
        Via: SIP/2.0/UDP h;branch=z9hG4bKa\r
        From: <sip:a@b>;tag=1\r
        To: <sip:b@b>\r
        Call-ID: a\r
        CSeq: 1 OPTIONS\r\n
        """

    @Test(
        "OVL-24: sixteen times as much of the worst takes sixteen times as long, and not its square",
        arguments: worst.map(\.0)
    )
    func linear(name: String) throws {
        let lines = try #require(Self.worst.first { $0.0 == name }?.1)
        // What is quadratic would take 256 times as long; a busy machine gets a second chance.
        let isLinear = (0..<3).contains { _ in
            let (small, large) = (time(lines(16 << 10)), time(lines(256 << 10)))
            return large < max(small, .microseconds(20)) * 64
        }
        #expect(isLinear)
    }

    @Test(
        "OVL-24: the worst 64 KiB take less than a millisecond; without optimisation, forty times as long at most",
        arguments: worst.map(\.0)
    )
    func bounded(name: String) throws {
        let lines = try #require(Self.worst.first { $0.0 == name }?.1)
        #if DEBUG
        let limit = Duration.milliseconds(40)
        #else
        let limit = Duration.milliseconds(1)
        #endif
        let fastest = (0..<3).map { _ in time(lines(64 << 10)) }.min() ?? .zero
        #expect(fastest < limit)
    }
}
