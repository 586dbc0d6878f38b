// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Somebody who sends what others have sent once more from elsewhere, damaged: nobody else may come to harm.
final class Vandal {
    static let address = Addresses.client(200)
    private static let addressText = address.hostText

    private unowned let world: World
    private var copies: [(bytes: ByteBuffer, at: NIODeadline)] = []
    private var lines: [Line] = []
    private var port: UInt16 = 1024

    init(_ world: World) { self.world = world }

    /// Whether a request that arrives somewhere is one of these: the edge has written where it came from.
    static func sent(_ request: SIPMessage) -> Bool {
        guard let received = request.secondVia?.received else { return false }
        return request.bytes.text(received) == addressText
    }

    func saw(_ bytes: ByteBuffer) {
        copies.append((bytes, world.agenda.now))
        if copies.count > 30 { copies.removeFirst() }
    }

    func live() {
        world.agenda.after(world.dice.wait(mean: world.settings.pause)) { [self] in
            guard world.isActive else { return }
            // Who knows a branch before it has arrived can take its place on UDP (TXN-33).
            let old = copies.filter { world.agenda.now - $0.at > .seconds(1) }
            if let copy = world.dice.pick(old) { send(damage(copy.bytes)) }
            live()
        }
    }

    private func send(_ bytes: ByteBuffer) {
        world.count.damaged += 1
        port = port == .max ? 1024 : port + 1
        let local = DatagramAddress(address: Self.address, port: port)
        guard world.dice.chance(50) else {
            let listener = Listeners.endpoint(.access, .udp)
            let remote = DatagramAddress(address: listener.address, port: listener.port)
            return keep(DatagramLine(world.network, from: local, to: remote, sentBy: "")).send(bytes)
        }
        let transport = world.dice.pick(SIPTransport.tcp, .tls)
        world.network.connect(from: local, to: Listeners.endpoint(.access, transport)) { [self] end in
            guard let end else { return }
            keep(StreamLine(end, transport, sentBy: "")).send(bytes)
        }
    }

    /// It has a few lines at a time, which it drops without a word.
    private func keep(_ line: Line) -> Line {
        lines.append(line)
        if lines.count > 5 {
            let oldest = lines.removeFirst()
            if world.dice.chance(50) { oldest.reset() } else { oldest.close() }
        }
        return line
    }

    private func damage(_ copy: ByteBuffer) -> ByteBuffer {
        var bytes = Array(copy.readableBytesView)
        let dice = world.dice
        for _ in 0..<dice.number(0...3) where bytes.count > 8 {
            let place = dice.number(0...bytes.count - 1)
            let end = min(bytes.count, place + dice.number(1...20))
            switch dice.number(0...4) {
            case 0: bytes[place] = UInt8(dice.number(0...255))
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 3: bytes.removeSubrange(place...)
            default: bytes[place] ^= 0x20
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    func forget() {
        for line in lines { line.forget() }
        lines = []
    }
}
