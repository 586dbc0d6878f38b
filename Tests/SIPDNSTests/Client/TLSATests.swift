// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import SIPDNS

@Suite("TLSA records from the wire, and whose word about DNSSEC counts")
struct TLSATests {
    /// A response to `TLSA _5061._tcp.n1.test` with one record of this data.
    private static func response(_ data: [UInt8]) -> ByteBuffer {
        var bytes: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        for label in ["_5061", "_tcp", "n1", "test", ""] {
            bytes.append(UInt8(label.utf8.count))
            bytes += Array(label.utf8)
        }
        bytes += [0, 52, 0, 1]
        bytes += [0xC0, 12, 0, 52, 0, 1, 0, 0, 0, 60, UInt8(data.count >> 8), UInt8(data.count & 0xFF)]
        bytes += data
        return ByteBuffer(bytes: bytes)
    }

    @Test("TLS-48: a TLSA record is read as it stands, and one that is cut short is no record that could be used")
    func records() throws {
        let digest = [UInt8](repeating: 7, count: 32)
        let long = [UInt8](repeating: 0, count: 900)
        let rows: [[UInt8]] = [[3, 1, 1] + digest, [7, 1, 1] + digest, [3, 1, 1, 1], [2, 0, 0] + long]
        for data in rows {
            let answers = try #require(DNSMessageCodec.response(Self.response(data))).answers
            #expect(answers.map(\.data) == [.tlsa(TLSAData(wire: data))])
        }
        for data in [[], [3], [3, 1], [3, 1, 1]] as [[UInt8]] {
            // ldns may refuse the message, which is then no answer; never is it a record to go by.
            let answers = DNSMessageCodec.response(Self.response(data))?.answers ?? []
            for case .tlsa(let tlsa) in answers.map(\.data) { #expect(!tlsa.isUsable) }
        }
    }

    @Test("TLS-49: the AD bit counts from a resolver on this host or over TLS, and from no other")
    func authenticated() throws {
        let far = try #require(IPAddress(parsing: "192.0.2.53"))
        let rows: [(DNSServer, DNSAnswer.Security)] = [
            (DNSServer(.v4(0x7F00_0001)), .secure), (DNSServer(try #require(IPAddress(parsing: "::1"))), .secure),
            (DNSServer(far, port: 853, transport: .tls), .secure), (DNSServer(far), .insecure),
            (DNSServer(try #require(IPAddress(parsing: "10.0.0.53"))), .insecure),
        ]
        for (server, security) in rows {
            #expect(server.verdict(isAuthenticated: true) == security, "\(server)")
            #expect(server.verdict(isAuthenticated: false) == .insecure, "\(server)")
        }
    }

    @Test("TLS-46: TLSA records of a signed zone, and their proven absence, are secure; tampered ones are bogus")
    func validated() async throws {
        let bench = try SigningBench()
        let digest = String(repeating: "ab", count: 32)
        let zone = try await bench.sign(
            "dane.test",
            "n1 IN A 192.0.2.1\nn2 IN A 192.0.2.2\n_5061._tcp.n1 IN TLSA 3 1 1 \(digest)\n"
        )
        let nsd = try await NameServer.nsd([(zone.origin, zone.file)])
        let client = try await SigningBench.client(nsd.port, zone.anchor)
        let there = try await client.ask(DNSQuestion(DNSName("_5061._tcp.n1.dane.test"), .tlsa)).get()
        #expect(there.security == .secure)
        #expect(there.records.map(\.data) == [.tlsa(TLSAData(wire: [3, 1, 1] + [UInt8](repeating: 0xAB, count: 32)))])
        let absent = try await client.ask(DNSQuestion(DNSName("_5061._tcp.n2.dane.test"), .tlsa)).get()
        #expect(absent.security == .secure && absent.outcome == .nameError)
        await nsd.stop()
        let other = try bench.tampered(zone, digest, String(repeating: "cd", count: 32))
        let second = try await NameServer.nsd([(other.origin, other.file)])
        let wary = try await SigningBench.client(second.port, zone.anchor)
        let forged = try await wary.ask(DNSQuestion(DNSName("_5061._tcp.n1.dane.test"), .tlsa)).get()
        #expect(forged.outcome == .failure(.bogus))
        await second.stop()
    }
}
