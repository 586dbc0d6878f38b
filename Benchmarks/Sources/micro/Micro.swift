// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Prints nanoseconds an operation for what the data plane does with every message.
@main
struct Micro {
    static func main() {
        let invite = Samples.invite
        let options = Samples.options
        report("sizes: INVITE \(invite.readableBytes) bytes, OPTIONS \(options.readableBytes) bytes")
        report(
            "SIPMessage \(MemoryLayout<SIPMessage>.size), Via \(MemoryLayout<Via>.size), SIPURI \(MemoryLayout<SIPURI>.size)"
        )
        measure("parse INVITE") { parse(invite) }
        measure("parse OPTIONS") { parse(options) }
        measure("frame INVITE") { frame(invite) }
        measureEdits("edit + apply INVITE", invite)
        measureEdits("edit + apply OPTIONS", options)
        measureAnswer("100 for INVITE", invite)
        measurePop("response: pop Via + apply", Samples.response)
        measureChecksum("CRC-32C of 100 bytes", invite)
        measureSelections()
    }

    @inline(never)
    static func parse(_ bytes: ByteBuffer) -> Int {
        guard case .message(let message) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits()) else {
            return 0
        }
        return message.headers.count
    }

    @inline(never)
    static func frame(_ bytes: ByteBuffer) -> Int {
        var framer = StreamFramer()
        framer.append(bytes)
        guard case .message(let message) = framer.next() else { return 0 }
        return message.readableBytes
    }

    static func message(_ bytes: ByteBuffer) -> SIPMessage? {
        guard case .message(let message) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits()) else {
            return nil
        }
        return message
    }

    static func measureEdits(_ name: String, _ bytes: ByteBuffer) {
        guard let message = message(bytes), let source = IPAddress(parsing: "203.0.113.7") else { return }
        var edits = MessageEdits()
        let text = ByteBuffer(string: "203.0.113.7")
        var output = ByteBuffer()
        output.reserveCapacity(4096)
        measure(name) {
            edits.reset()
            edits.pushVia(on: message) {
                $0.writeStaticString("Via: SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bKu81f3c02.603394aa\r\n")
            }
            edits.stampSource(on: message, address: source, text: text, port: 9988)
            edits.push(.recordRoute, on: message) {
                $0.writeStaticString("Record-Route: <sip:10.0.0.5;transport=tcp;lr;ep=3f9a>\r\n")
            }
            edits.lowerMaxForwards(of: message)
            edits.boundMaxBreadth(of: message)
            output.clear()
            edits.apply(to: message, into: &output)
            return output.readableBytes
        }
    }

    static func measureAnswer(_ name: String, _ bytes: ByteBuffer) {
        guard let message = message(bytes), let address = IPAddress(parsing: "203.0.113.7") else { return }
        let source = ResponseWriter.Source(address: address, text: ByteBuffer(string: "203.0.113.7"), port: 9988)
        measure(name) {
            ResponseWriter.response(to: message, status: 100, reason: "Trying", tag: nil, source: source).readableBytes
        }
    }

    static func measurePop(_ name: String, _ bytes: ByteBuffer) {
        guard let message = message(bytes) else { return }
        var edits = MessageEdits()
        var output = ByteBuffer()
        output.reserveCapacity(4096)
        measure(name) {
            edits.reset()
            edits.popVia(of: message)
            output.clear()
            edits.apply(to: message, into: &output)
            return output.readableBytes
        }
    }

    static func measureChecksum(_ name: String, _ bytes: ByteBuffer) {
        measure(name) {
            var checksum = CRC32C()
            checksum.update(bytes, ByteRange(0, 100))
            return Int(checksum.value & 1) + 1
        }
    }

    /// The best of nine rounds, which is the least disturbed one.
    static func measure(_ name: String, _ body: () -> Int) {
        if CommandLine.arguments.count > 1, !name.hasPrefix(CommandLine.arguments[1]) { return }
        let count = 200_000
        var best = Double.infinity
        var sum = 0
        for _ in 0..<9 {
            let start = ContinuousClock.now
            for _ in 0..<count { sum &+= body() }
            let elapsed = ContinuousClock.now - start
            best = min(best, Double(elapsed.components.attoseconds) / 1e9 / Double(count))
        }
        let padded = name + String(repeating: " ", count: max(1, 28 - name.count))
        report(sum == 0 ? "\(name): FAILED" : "\(padded)\((best * 10).rounded() / 10) ns")
    }

    static func report(_ line: String) { print(line) }
}
