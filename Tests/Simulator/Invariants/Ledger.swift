// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// What every message was when it left its sender: what arrives is that, outside the fields that a proxy edits.
final class Ledger {
    private unowned let world: World
    private var requests: [String: [UInt8]] = [:]
    private var responses: [String: [UInt8]] = [:]
    private(set) var compared = 0

    init(_ world: World) { self.world = world }

    func note(request: ByteBuffer, branch: String, method: String) {
        let key = "\(branch) \(method)"
        requests[key] = canonical(request)
        world.agenda.after(.seconds(400)) { self.requests[key] = nil }
    }

    func note(response: ByteBuffer, id: String) {
        responses[id] = canonical(response)
        world.agenda.after(.seconds(400)) { self.responses[id] = nil }
    }

    func check(request: SIPMessage, at agent: Agent) {
        let branches = request.foreignBranches()
        guard branches.count > 1 else {
            return world.fail("\(agent.name) was sent a request of nobody: \(String(buffer: request.bytes))")
        }
        let key = "\(request.bytes.text(branches[1])) \(request.methodText)"
        compare(request, with: requests[key], at: agent)
    }

    /// Responses that the edge made itself carry no mark.
    func check(response: SIPMessage, at agent: Agent) {
        guard let id = response.text(ofField: "x-answer") else { return }
        compare(response, with: responses[id], at: agent)
    }

    private func compare(_ message: SIPMessage, with original: [UInt8]?, at agent: Agent) {
        guard let original else { return }
        compared += 1
        guard canonical(message) != original else { return }
        let before = String(decoding: original, as: UTF8.self)
        world.fail("what \(agent.name) was sent is not what left:\n\(before)\n\(String(buffer: message.bytes))")
    }

    private func canonical(_ bytes: ByteBuffer) -> [UInt8]? {
        guard case .message(let message) = MessageParser.parse(bytes, framing: .datagram, limits: .none) else {
            world.fail("an agent wrote what is no message: \(String(buffer: bytes))")
            return nil
        }
        return canonical(message)
    }

    /// Start line, fields that a proxy has no business with, unfolded, and body.
    private func canonical(_ message: SIPMessage) -> [UInt8] {
        message.bytes.withUnsafeReadableBytes { raw in
            var output: [UInt8] = []
            output.reserveCapacity(raw.count)
            output += raw[0..<(message.headers.first?.line.start ?? 0)]
            for field in message.headers where !isEdited(field.name, message) {
                unfold(raw[field.line.start..<field.line.end], into: &output)
            }
            output += raw[message.body.start..<message.body.end]
            return output
        }
    }

    private func isEdited(_ name: HeaderName, _ message: SIPMessage) -> Bool {
        switch name {
        case .via, .route, .recordRoute, .maxForwards, .maxBreadth, .contentLength: true
        case .path, .require: message.isRequest && message.method == .register
        case .flowTimer: !message.isRequest
        default: false
        }
    }

    /// One space for each fold and the blanks around it.
    private func unfold(_ line: Slice<UnsafeRawBufferPointer>, into output: inout [UInt8]) {
        var place = line.startIndex
        while place < line.endIndex {
            let isFold = line[place] == 0x0D && place + 2 < line.endIndex
            guard isFold else {
                output.append(line[place])
                place += 1
                continue
            }
            while output.last == 0x20 || output.last == 0x09 { output.removeLast() }
            place += 2
            while place < line.endIndex, line[place] == 0x20 || line[place] == 0x09 { place += 1 }
            output.append(0x20)
        }
    }
}
