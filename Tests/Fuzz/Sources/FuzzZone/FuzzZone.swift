// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPLocation

@testable internal import SIPDNS

/// Reads an input as a zone file, looks through the zone, and lets it answer for each of its names.
@main
struct FuzzZone {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    /// Records of one input that answers are asked of; many make no other answers.
    private static let askedLimit = 40

    static func check(_ input: ByteBuffer) {
        let bytes = Array(input.readableBytesView)
        do throws(ZoneProblems) {
            let records = try ZoneFile.records(in: bytes, file: "fuzz")
            let lines = bytes.count { $0 == 0x0A } + 1
            claim(records.allSatisfy { (1...lines).contains($0.line) }, "a record on no line")
            _ = try? TrustAnchors(records, file: "fuzz")
            _ = try? DNSOverrides(records, file: "fuzz")
            try check(Zone(records, file: "fuzz"))
        } catch {
            claim(!error.problems.isEmpty, "refused without a reason")
        }
    }

    private static func check(_ zone: Zone) {
        for finding in ZoneCheck.findings(in: zone, file: "fuzz") {
            claim(!finding.message.isEmpty, "an empty finding")
        }
        for record in zone.records.prefix(askedLimit) {
            for name in [record.name, record.name.prefixed("x")] {
                for type in [record.type, .a, .any] { answer(DNSQuestion(name, type), in: zone) }
            }
        }
    }

    /// The answer can be read again, when the question could have been asked.
    private static func answer(_ question: DNSQuestion, in zone: Zone) {
        var options = DNSMessageCodec.QueryOptions()
        options.wantsDNSSEC = true
        guard let query = DNSMessageCodec.query(question, id: 7, options),
            case .query(let asked) = DNSQueryReader.read(query)
        else { return }
        let reply = ZoneReply.reply(to: question, in: [zone], withDNSSEC: true)
        let bytes = DNSResponseWriter.write(reply, to: asked, limit: 65_535)
        claim(bytes.readableBytes <= 65_535, "a reply that no message holds")
        guard let response = DNSMessageCodec.response(bytes) else { return claim(false, "no response to \(question)") }
        claim(response.question == question, "an answer to \(response.question), asked was \(question)")
    }
}
