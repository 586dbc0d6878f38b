// SPDX-License-Identifier: Apache-2.0

import NIOCore
import TestSupport
import Testing

extension SystemTests {
    @Suite("Torture messages of RFC 4475 and RFC 5118 over TLS, with the backend's bytes")
    struct TortureTests {
        /// The Route of this one leads to 127.0.0.1:5080, where nobody is.
        private static let elsewhere = ["mpart01.dat": Torture.Verdict.answered(500)]

        @Test("MSG-53, MSG-55, PRX-28: each is forwarded, answered or dropped as its row says, byte by byte")
        func all() async throws {
            var scene = try await TortureScene.start()
            var transactions: Set<String> = []
            for vector in Vectors.all {
                // Some share their branch: to an edge that has seen the other, they are copies of it.
                let rows = Rows(vector.bytes)
                let key = "\(rows.all("via").first?.row ?? "") \(rows.startLine.prefix { $0 != " " })"
                if !transactions.insert(key).inserted {
                    try await scene.stop()
                    scene = try await TortureScene.start()
                }
                let expected = try #require(Self.elsewhere[vector.name] ?? Torture.expected(vector, on: "STREAM"))
                let seen = try await scene.send(vector.bytes, isTrusted: Torture.hasRoute(vector), awaiting: expected)
                let texts = seen.forwarded.map { String(buffer: $0) } + seen.answers.map(\.startLine)
                #expect(seen.verdict == expected, "\(vector): \(texts)")
                #expect(!seen.hasRest, "\(vector): the backend was sent what is no message")
                guard let first = seen.forwarded.first else { continue }
                #expect(Torture.differences(from: vector.bytes, in: first) == [], "\(vector)")
            }
            try await scene.stop()
        }

        @Test(
            "OVL-44: messages that readers frame in two ways bring the backend no second request, and no other one",
            arguments: [
                // Answered or dropped whole.
                ("escruri", 0), ("mcl01", 0), ("ncl", 0), ("clerr", 0), ("bcast", 0),
                // Two requests by any reading on a stream, each with its own Via.
                ("dblreq", 2),
            ]
        )
        func smuggling(name: String, count: Int) async throws {
            let vector = try Vectors.named(name)
            let followed = try Vectors.named("lwsdisp")
            for tail in [ByteBuffer(), followed.bytes] {
                let scene = try await TortureScene.start()
                var bytes = vector.bytes
                bytes.writeImmutableBuffer(tail)
                let awaited: Torture.Verdict = count > 0 ? .forwarded(count) : .dropped
                let seen = try await scene.send(bytes, isTrusted: false, awaiting: awaited)
                // What follows a message whose frame is sound is a request of its own, and nothing else is.
                let mayFollow = seen.forwarded.count == count + 1 && tail.readableBytes > 0
                #expect(seen.forwarded.count == count || mayFollow, "\(seen.forwarded.map { String(buffer: $0) })")
                #expect(!seen.hasRest)
                if mayFollow, let last = seen.forwarded.last {
                    #expect(Torture.differences(from: tail, in: last) == [])
                }
                try await scene.stop()
            }
        }
    }
}
