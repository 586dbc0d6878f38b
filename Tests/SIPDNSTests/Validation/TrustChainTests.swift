// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import TestSupport
import Testing

@testable import SIPDNS

@Suite("The chain of trust, step by step, with the time as an argument")
struct TrustChainTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let host = DNSName("host.sub.up.test")

    /// A signed zone and its signed child, whose records live 60 seconds, and a chain that knows nothing.
    private struct Bench {
        let zones: [Zone]
        var chain: TrustChain
        /// Not before the zones were signed.
        let time: Int64

        init() async throws {
            let bench = try SigningBench()
            let child = try await bench.sign("sub.up.test", "host IN A 192.0.2.1\n")
            let cut = "sub IN NS ns.sub\nns.sub IN A 127.0.0.1\n"
            let parent = try await bench.sign("up.test", cut + child.anchor)
            zones = try [parent.file, child.file].map { try ZoneFile.zone(of: $0) }
            chain = TrustChain(anchors: try SigningBench.anchors(parent.anchor))
            time = DNSClient.Settings(servers: []).validationTime()
        }

        /// What the zones say to a question; a DS record is asked of the zone above.
        func response(to question: DNSQuestion) throws -> SignedMessage {
            var options = DNSMessageCodec.QueryOptions()
            options.wantsDNSSEC = true
            let query = try #require(DNSMessageCodec.query(question, id: 1, options))
            guard case .query(let asked) = DNSQueryReader.read(query) else { throw TestSupportError("no query") }
            let asking = zones.filter { question.type != .ds || $0.origin != question.name }
            let reply = ZoneReply.reply(to: question, in: asking, withDNSSEC: true)
            return try #require(SignedMessage(DNSResponseWriter.write(reply, to: asked, limit: 65_535)))
        }

        /// What the chain wants to know of the host at that second; nil when it knows the zone.
        func wanted(_ second: Int64) -> DNSQuestion? {
            switch chain.locate(TrustChainTests.host, now: TrustChainTests.start + .seconds(second)) {
            case .ask(let question): return question
            case .zone(let keys):
                #expect(keys.zone == DNSName("sub.up.test"))
                return nil
            case let other:
                Issue.record("\(other)")
                return nil
            }
        }

        /// Asks what the chain wants to know at one second, and tells it at another one.
        mutating func learn(asking second: Int64, telling later: Int64) throws -> String {
            let question = try #require(wanted(second))
            let now = TrustChainTests.start + .seconds(later)
            chain.take(try response(to: question), for: question, now: now, time: time)
            return "\(question)"
        }
    }

    @Test("LOC-57: keys whose DS record has expired while they were asked for are not judged: it is asked for anew")
    func expiredDelegation() async throws {
        var bench = try await Bench()
        #expect(try bench.learn(asking: 0, telling: 0) == "DNSKEY up.test")
        #expect(try bench.learn(asking: 0, telling: 0) == "DS sub.up.test")
        #expect(try bench.learn(asking: 59, telling: 61) == "DNSKEY sub.up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DNSKEY up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DS sub.up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DNSKEY sub.up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DS host.sub.up.test")
        #expect(bench.wanted(61) == nil)
    }

    @Test("LOC-57: a DS record that comes when the keys of its zone have expired is asked for again, behind the keys")
    func expiredKeys() async throws {
        var bench = try await Bench()
        #expect(try bench.learn(asking: 0, telling: 0) == "DNSKEY up.test")
        #expect(try bench.learn(asking: 59, telling: 61) == "DS sub.up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DNSKEY up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DS sub.up.test")
        #expect(try bench.learn(asking: 61, telling: 61) == "DNSKEY sub.up.test")
    }
}
