// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import SIPDNS

/// A real answer, and what damage does to it.
private struct Sample {
    let question: DNSQuestion
    let id: UInt16
    let bytes: ByteBuffer
    /// The length of header and question.
    let head: Int

    /// Every record set of a zone as an answer of the zone server, and one answer of each kind of absence.
    static func all(_ name: String) throws -> [Sample] {
        let zone = try ZoneFile.zone(of: Repository.zone(name))
        var questions = Set(zone.records.map { DNSQuestion($0.name, $0.type) })
        questions.insert(DNSQuestion(zone.origin.prefixed("absent"), .a))
        questions.insert(DNSQuestion(zone.origin, .srv))
        return questions.sorted { $0.description < $1.description }.enumerated().compactMap { index, question in
            var asked = DNSResponseWriter.Asked()
            asked.id = UInt16(truncatingIfNeeded: index &* 2654 &+ 77)
            asked.name = question.name
            asked.type = question.type
            asked.question = ByteBuffer(bytes: question.name.wire ?? [])
            asked.question.writeInteger(question.type.rawValue)
            asked.question.writeInteger(UInt16(1))
            asked.hasEDNS = index % 2 == 0
            let reply = ZoneReply.reply(to: question, in: [zone], withDNSSEC: index % 3 == 0)
            let bytes = DNSResponseWriter.write(reply, to: asked, limit: 65_535)
            return Sample(question: question, id: asked.id, bytes: bytes, head: 12 + asked.question.readableBytes)
        }
    }

    func damaged(using generator: inout SeededGenerator) -> ByteBuffer {
        var bytes = Array(bytes.readableBytesView)
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 2: bytes = Array(bytes.prefix(place))
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 4: bytes.remove(at: place)
            case 5: bytes[place] = 0xC0 | UInt8.random(in: 0..<4, using: &generator)
            case 6: bytes[Int.random(in: 0..<min(12, bytes.count), using: &generator)] = 0xFF
            default: bytes += bytes[place...].prefix(64)
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    /// Whether header id and question stand in `bytes` as they do here, in any case.
    func isAnswered(by bytes: ByteBuffer) -> Bool {
        func key(_ bytes: ByteBuffer) -> [UInt8]? {
            guard bytes.readableBytes >= head else { return nil }
            let view = Array(bytes.readableBytesView)
            return view[..<2] + view[12..<head].map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
        }
        return key(bytes) == key(self.bytes)
    }
}

@Suite("Damaged packets and zones, on a seed: never a trap, nothing believed that does not belong")
struct FuzzTests {
    static let names = ["weights", "priorities", "naptr", "signed", "broken"]

    @Test("Every answer of every example zone is read back as it is", arguments: names)
    func undamaged(name: String) throws {
        for sample in try Sample.all(name) {
            let response = try #require(DNSMessageCodec.response(sample.bytes), "\(sample.question)")
            #expect(response.id == sample.id)
            #expect(response.question == sample.question)
        }
    }

    @Test(
        "Six thousand damaged answers of each zone: what is taken has the id and the question that was sent",
        arguments: names
    )
    func answers(name: String) throws {
        let samples = try Sample.all(name)
        var generator = SeededGenerator(seed: UInt64(name.utf8.reduce(0) { $0 * 31 + Int($1) }))
        var (taken, refused) = (0, 0)
        for _ in 0..<6000 {
            let sample = try #require(samples.randomElement(using: &generator))
            let bytes = sample.damaged(using: &generator)
            _ = DNSQueryReader.read(bytes)
            guard let response = DNSMessageCodec.response(bytes), response.id == sample.id,
                response.question == sample.question
            else {
                refused += 1
                continue
            }
            taken += 1
            #expect(sample.isAnswered(by: bytes), "\(Array(bytes.readableBytesView))")
            let reader = ResponseReader(question: sample.question, server: "fuzz")
            guard case .answer(let answer) = reader.reading(of: response, now: .uptimeNanoseconds(1)) else { continue }
            #expect(answer.records.allSatisfy { $0.type == sample.question.type && $0.name.wire != nil })
            #expect(answer.timeToLive >= .zero && answer.timeToLive <= .seconds(604_800))
            if case .records(let records) = answer.outcome { #expect(!records.isEmpty) }
        }
        #expect(taken > 300 && refused > 300, "\(taken) taken, \(refused) refused")
    }

    @Test("Ten thousand messages of noise behind a good header are answers to nothing")
    func noise() {
        var generator = SeededGenerator(seed: 99)
        let question = DNSQuestion(DNSName("_sip._tcp.weights.example.test"), .srv)
        for _ in 0..<10_000 {
            var bytes = ByteBuffer(bytes: [
                0x12, 0x34, 0x81, 0x80, 0, 1, 0, UInt8.random(in: 0...3, using: &generator), 0, 0, 0, 0,
            ])
            for _ in 0..<Int.random(in: 0..<200, using: &generator) {
                bytes.writeInteger(UInt8.random(in: 0...255, using: &generator))
            }
            #expect(DNSMessageCodec.response(bytes)?.question != question)
        }
    }

    @Test("Names that point in a circle, at themselves or far along a chain are refused, and at once")
    func pointers() {
        func packet(_ tail: [UInt8]) -> ByteBuffer {
            ByteBuffer(
                bytes: [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1]
                    + tail
            )
        }
        let record: [UInt8] = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]
        #expect(DNSMessageCodec.response(packet([0xC0, 12] + record))?.answers.count == 1)
        for name: [UInt8] in [
            [0xC0, 24], [1, 0x61, 0xC0, 24], [0xC0, 26, 0xC0, 24], [0xFF, 0xFF], [0x80, 1], [0xC0],
        ] {
            #expect(DNSMessageCodec.response(packet(name + record)) == nil, "\(name)")
        }
    }

    @Test("Fifteen hundred damaged zone files: what still loads is checked, answered from, and read back")
    func zones() throws {
        let lines = try ZoneFileTests.text(of: Repository.zone("broken")).split(separator: "\n").map(String.init)
        let words = try ["naptr", "priorities"].flatMap { name in
            try ZoneFileTests.text(of: Repository.zone(name)).split { " \n".contains($0) }.map(String.init)
        }
        var generator = SeededGenerator(seed: 4)
        var loaded = 0
        for _ in 0..<1500 {
            var text = lines
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 4..<text.count, using: &generator)
                var parts = text[place].split(separator: " ").map(String.init)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: text.remove(at: place)
                case 1: text.swapAt(place, Int.random(in: 4..<text.count, using: &generator))
                case _ where !parts.isEmpty:
                    parts[Int.random(in: 0..<parts.count, using: &generator)] =
                        words.randomElement(using: &generator) ?? ""
                    text[place] = (text[place].hasPrefix(" ") ? " " : "") + parts.joined(separator: " ")
                default: continue
                }
            }
            guard let records = try? ZoneFile.records(in: text.joined(separator: "\n") + "\n", file: "f"),
                let zone = try? Zone(records, file: "f")
            else { continue }
            loaded += 1
            for finding in ZoneCheck.findings(in: zone, file: "f") { #expect(finding.line <= text.count) }
            try answer(zone, using: &generator)
        }
        #expect(loaded > 300, "\(loaded)")
    }

    private func answer(_ zone: Zone, using generator: inout SeededGenerator) throws {
        let record = try #require(zone.records.randomElement(using: &generator))
        var asked = DNSResponseWriter.Asked()
        asked.name = record.name
        asked.type = Bool.random(using: &generator) ? record.type : .a
        guard let wire = asked.name.wire else { return }
        asked.question = ByteBuffer(bytes: wire)
        asked.question.writeInteger(asked.type.rawValue)
        asked.question.writeInteger(UInt16(1))
        let question = DNSQuestion(asked.name, asked.type)
        let reply = ZoneReply.reply(to: question, in: [zone], withDNSSEC: false)
        let response = try #require(DNSMessageCodec.response(DNSResponseWriter.write(reply, to: asked, limit: 65_535)))
        #expect(response.question == question)
        #expect(response.answers.count == reply.answers.count)
    }
}
