// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPLocation

@testable internal import SIPDNS

/// Reads an input as a DNS message in every way that there is: as a response, as one that is judged by its signatures,
/// as proofs of absence, and as a query.
@main
struct FuzzResponse {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let time: Int64 = 1_800_000_000

    static func check(_ input: ByteBuffer) {
        checkQuery(input)
        guard let response = DNSMessageCodec.response(input) else { return }
        claim(response.question.name.wire != nil, "a question's name has no wire form")
        checkReading(response)
        checkSignatures(response)
        // A copy of the bytes alone: what stands around them may not be touched, by a copy of the whole neither.
        var mixed = ByteBuffer(bytes: input.readableBytesView)
        var generator = SystemRandomNumberGenerator()
        DNSMessageCodec.mixCase(of: &mixed, using: &generator)
        claim(mixed.readableBytes == input.readableBytes, "another length")
    }

    private static func checkReading(_ response: DNSMessageCodec.Response) {
        let question = response.question
        let earlier = (0..<3).map { DNSName("earlier\($0).test") }
        for before in [[], earlier] {
            let reader = ResponseReader(question: question, server: "fuzz", earlier: before)
            switch reader.reading(of: response, now: now) {
            case .answer(let answer):
                claim(answer.timeToLive >= .zero && answer.timeToLive <= .seconds(604_800), "a TTL of no week")
                claim(answer.records.allSatisfy { $0.type == question.type }, "another type is believed")
                if !answer.isAliased {
                    claim(answer.records.allSatisfy { $0.name == question.name }, "another name is believed")
                }
                if case .records(let records) = answer.outcome { claim(!records.isEmpty, "records, and none") }
            case .alias(let name, let through, _):
                claim(through.count <= ResponseReader.aliasLimit && !through.contains(name), "aliases without an end")
                claim(!before.contains(name), "a circle")
            }
        }
    }

    /// Whatever comes, nothing that nobody signed is secure.
    private static func checkSignatures(_ response: DNSMessageCodec.Response) {
        guard let message = SignedMessage(response.bytes) else { return claim(false, "read once, and not twice") }
        let question = response.question
        let own = ZoneRecord(
            record: DNSRecord(name: question.name, type: .ds, ttl: 1, data: .other),
            line: 1,
            data: [1, 2, 13, 2] + [UInt8](repeating: 7, count: 32)
        )
        guard let anchors = try? TrustAnchors([own], file: "fuzz") else { return }
        var chain = TrustChain(anchors: anchors)
        for type in [DNSRecordType.dnskey, .ds] {
            chain.take(message, for: DNSQuestion(question.name, type), now: now, time: time)
        }
        let validation = ResponseValidation(question, message, time: time, now: now)
        for claimsAbsence in [true, false] {
            if case .verdict(.secure) = validation.step(chain, claimsAbsence: claimsAbsence) {
                // Nothing of the kind is there to be signed: an alias that leads nowhere, or no record at all.
                claim(message.answer(question.name, question.type) == nil, "secure, and nobody signed it")
            }
        }
        checkDenials(message, question)
    }

    /// What the records of absence would prove if their signatures held, of every zone that they could be of.
    private static func checkDenials(_ message: SignedMessage, _ question: DNSQuestion) {
        let records = message.absence.compactMap { DenialRecord($0, labels: SignatureCheck.labelCount($0.owner)) }
        var zone: DNSName? = question.name
        while let present = zone {
            let denial = Denial(zone: present, records: records)
            _ = denial.absence(of: question.name)
            _ = denial.absence(of: question.type, at: question.name)
            _ = denial.absence(of: .ds, at: question.name)
            _ = denial.isDelegation(question.name)
            for labels in 0..<question.name.labels.count { _ = denial.expansion(to: question.name, labels: labels) }
            zone = present.parent
        }
        withExtendedLifetime(message) {}
    }

    private static func checkQuery(_ input: ByteBuffer) {
        guard case .query(let asked) = DNSQueryReader.read(input) else { return }
        let bytes = DNSResponseWriter.write(ZoneReply(code: .refused), to: asked, limit: 65_535)
        claim(bytes.readableBytes >= 12, "a reply without a header")
    }
}
