// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What tells one server transaction from another (RFC 3261 section 17.2.3): a keyed 128-bit hash of branch, sent-by,
/// method and, on streams, the connection (TXN-33, TXN-35); for all others the listener, so that nobody outside can take the
/// place of a server inside whose branch it has learnt.
///
/// The key of the hash is random and never leaves the process, so nobody can aim for a collision.
struct TransactionKey: Hashable {
    let first: UInt64
    let second: UInt64
}

/// Makes transaction keys.
struct TransactionKeyMaker {
    private let seeds: (UInt64, UInt64)

    init(using generator: inout some RandomNumberGenerator) {
        seeds = (generator.next(), generator.next())
    }

    /// The key of the transaction that `message` belongs to, taken as a request of `method` (an ACK and a CANCEL belong
    /// to INVITE's); without the To tag, for an ACK whose INVITE had none.
    func key(
        of message: SIPMessage,
        method: SIPMethod,
        on flow: FlowContext,
        withToTag: Bool = true
    ) -> TransactionKey {
        key(of: message, method: method, on: flow, withConnection: true, withToTag: withToTag)
    }

    /// The key by which a client finds its transaction over another connection (TXN-25, TXN-35).
    ///
    /// Where names are proved it has these, and what makes the request this client's own: a fleet may share a certificate.
    func keyElsewhere(
        of message: SIPMessage,
        method: SIPMethod,
        on flow: FlowContext,
        withToTag: Bool = true
    ) -> TransactionKey {
        let bare = key(of: message, method: method, on: flow, withConnection: false, withToTag: withToTag)
        guard let identity = flow.identity else { return bare }
        var hash = KeyedHash(bare.first, bare.second)
        hash.add(identity)
        hash.add(message.bytes, message.callID)
        hash.add(message.bytes, message.from.tag ?? .empty)
        hash.add(UInt64(message.cSeq.number))
        return hash.key
    }

    private func key(
        of message: SIPMessage,
        method: SIPMethod,
        on flow: FlowContext,
        withConnection: Bool,
        withToTag: Bool
    ) -> TransactionKey {
        var hash = KeyedHash(seeds.0, seeds.1)
        let via = message.topmostVia
        hash.add(UInt64(method.rawValue))
        if method == .other { hash.add(message.bytes, message.cSeq.methodText) }
        hash.add(flow.transport.isReliable && withConnection ? flow.id.rawValue : UInt64(flow.listener.index))
        hash.add(message.bytes, via.host)
        hash.add(UInt64(via.effectivePort))
        guard let branch = via.branch, Self.hasCookie(message, branch) else {
            addOldStyle(message, withToTag, to: &hash)
            return hash.key
        }
        hash.add(message.bytes, branch)
        return hash.key
    }

    /// What the ACK for a 2xx, which has a branch of its own, shares with its INVITE and with that 2xx: sender, Call-ID,
    /// From tag, number and To tag (TXN-26, PRX-79).
    ///
    /// A request that spirals is in two transactions, so that the sender belongs to it.
    func acknowledgementKey(
        of request: SIPMessage,
        to response: SIPMessage,
        on flow: FlowContext
    ) -> TransactionKey {
        var hash = KeyedHash(seeds.1, ~seeds.1)
        hash.add(UInt64(flow.listener.index))
        hash.add(request.bytes, request.topmostVia.host)
        hash.add(request.bytes, request.callID)
        hash.add(request.bytes, request.from.tag ?? .empty)
        hash.add(UInt64(request.cSeq.number))
        hash.add(response.bytes, response.to.tag ?? .empty)
        return hash.key
    }

    /// A number for a Call-ID that nobody outside can aim at.
    func callKey(_ bytes: ByteBuffer, _ range: ByteRange) -> UInt64 {
        var hash = KeyedHash(seeds.1, seeds.0)
        hash.add(bytes, range)
        return hash.key.first
    }

    /// The tag of the answer to a message that is given no transaction: the same for every copy of it, as RFC 3261 section
    /// 8.2.7 asks.
    func tag(of message: MalformedMessage) -> UInt64 {
        var hash = KeyedHash(seeds.0, seeds.1)
        hash.add(message.bytes, ByteRange(0, message.bytes.readableBytes))
        return hash.key.first
    }

    /// The To tag of an answer that is given without state: the same for every copy of the request, and known again in the
    /// ACK, which shares branch, Call-ID, From tag and CSeq number (OVL-05).
    func statelessTag(of message: SIPMessage) -> UInt64 {
        var hash = KeyedHash(seeds.1, ~seeds.0)
        let via = message.topmostVia
        hash.add(message.bytes, via.host)
        hash.add(UInt64(via.effectivePort))
        hash.add(message.bytes, via.branch ?? .empty)
        hash.add(message.bytes, message.callID)
        hash.add(message.bytes, message.from.tag ?? .empty)
        hash.add(UInt64(message.cSeq.number))
        return hash.key.first
    }

    /// Whether a branch begins with the magic cookie, in any case (MSG-50).
    static func hasCookie(_ message: SIPMessage, _ branch: ByteRange) -> Bool {
        branch.count > 7 && message.equals(ByteRange(branch.start, branch.start + 7), "z9hg4bk")
    }

    /// RFC 2543 matching (TXN-34).
    private func addOldStyle(_ message: SIPMessage, _ withToTag: Bool, to hash: inout KeyedHash) {
        if let uri = message.requestURI { hash.add(message.bytes, uri.range) }
        hash.add(message.bytes, message.from.tag ?? .empty)
        hash.add(message.bytes, message.callID)
        hash.add(UInt64(message.cSeq.number))
        hash.add(message.bytes, message.topmostVia.range)
        hash.add(message.bytes, withToTag ? message.to.tag ?? .empty : .empty)
    }
}

/// A hash of 128 bits under a secret of 128 bits; fast rather than cryptographic.
struct KeyedHash {
    private var first: UInt64
    private var second: UInt64

    init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    var key: TransactionKey {
        TransactionKey(first: StableHash.mix(first ^ second), second: StableHash.mix(second &+ first))
    }

    mutating func add(_ word: UInt64) {
        first = StableHash.mix(first ^ word)
        second = StableHash.mix(second &+ (word &* 0x9E37_79B9_7F4A_7C15))
    }

    mutating func add(_ bytes: ByteBuffer, _ range: ByteRange) {
        bytes.withUnsafeReadableBytes { raw in
            guard range.end <= raw.count else { return }
            var position = range.start
            while position + 8 <= range.end {
                add(raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += 8
            }
            var tail = UInt64(range.count) << 56
            while position < range.end {
                tail = tail << 8 ^ UInt64(raw[position])
                position += 1
            }
            add(tail)
        }
    }
}

/// A fast generator for draws and nonces, seeded from the system's; what must not be guessed is checked against more
/// than its output.
struct FastGenerator: RandomNumberGenerator {
    private var state: (UInt64, UInt64)

    init(seed: UInt64) {
        state = (seed ^ 0x9E37_79B9_7F4A_7C15, seed &* 0xBF58_476D_1CE4_E5B9 | 1)
    }

    mutating func next() -> UInt64 {
        var (left, right) = state
        let result = left &+ right
        right ^= left
        left = (left << 55 | left >> 9) ^ right ^ (right << 14)
        state = (left, right << 36 | right >> 28)
        return result
    }
}
