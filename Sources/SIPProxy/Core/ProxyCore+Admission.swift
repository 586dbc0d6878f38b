// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What is turned away before it gets a transaction, and what is turned away for good: both are answered once, without
/// state, so that a flood of them leaves nothing behind (OVL-05).
extension ProxyCore {
    /// Whether a request may begin a transaction; one that may not is answered or dropped here.
    func admits(_ request: SIPMessage, _ key: TransactionKey, on flow: FlowContext, _ admission: Admission) -> Bool {
        switch admission {
        case .admitted: break
        case .refused:
            turnAway(request, on: flow, answering: true)
            return false
        case .dropped:
            act(.event(.dropped(.overLimit)))
            return false
        case .forbidden:
            // Answered before it came here, for it need not begin anything.
            return false
        }
        if isShed(request, key, on: flow) {
            act(.event(.limit(.overload)))
            turnAway(request, on: flow, answering: flow.transport.isReliable || !shedding.isSilent)
            return false
        }
        guard servers.count < limit(isInDialog: request.to.tag != nil) else {
            act(.event(.refused(.transactions, flow)))
            turnAway(request, on: flow, answering: flow.transport.isReliable || request.method == .invite)
            return false
        }
        return true
    }

    // MARK: Whose transactions are

    /// Counts a transaction that a request would begin for whom it is (TXN-46); one that would be too many is answered or
    /// dropped here.
    func takesShare(_ request: SIPMessage, on flow: FlowContext, _ owner: inout TransactionShares.Owner?) -> Bool {
        guard let limit = takeShare(on: flow, isInDialog: request.to.tag != nil, &owner) else { return true }
        act(.event(.refused(limit, flow)))
        turnAway(request, on: flow, answering: flow.transport.isReliable || request.method == .invite)
        return false
    }

    /// Counts a transaction for the clients of access listeners, one by one, and gives the limit that it would exceed.
    ///
    /// Our own servers, partners and trusted sources bring the requests of many and are not counted.
    func takeShare(on flow: FlowContext, isInDialog: Bool, _ owner: inout TransactionShares.Owner?) -> ProxyLimit? {
        let limits = box.shareLimits
        guard limits.isAny, flow.side == .client, box.listeners.isAccess(flow.listener),
            !snapshot.settings.trusts(flow.remoteAddress)
        else { return nil }
        let client = TransactionShares.Owner(flow, limits)
        if let limit = shares.begin(client, isInDialog: isInDialog, limits) { return limit }
        owner = client
        return nil
    }

    /// A transaction has ended; its record may stay for what its servers have yet to say.
    func uncount(_ server: ServerTransaction) {
        guard let owner = server.owner else { return }
        server.owner = nil
        shares.end(owner)
    }

    /// Answers a request of a peer that may ask nothing (TLS-23); an ACK has no answer.
    func forbid(_ request: SIPMessage, on flow: FlowContext) {
        guard request.method != .ack else {
            return act(.event(.dropped(acknowledgesStateless(request) ? .absorbedAck : .strayAck)))
        }
        answerStatelessly(request, on: flow, .peerNotAllowed)
    }

    private func turnAway(_ request: SIPMessage, on flow: FlowContext, answering: Bool) {
        guard answering else { return act(.event(.dropped(.overLimit))) }
        // Those who register anew after an outage come back spread (RFC 5626 section 4.5, FLW-40).
        answerStatelessly(request, on: flow, request.method == .register ? unavailable(request) : .overloaded)
    }

    /// Whether overload turns a request away; never one inside a dialog (OVL-20).
    ///
    /// The key decides, so that every copy of one request meets with the same and a new try has a new chance. What a request
    /// says of its own importance is not believed (OVL-51).
    private func isShed(_ request: SIPMessage, _ key: TransactionKey, on flow: FlowContext) -> Bool {
        guard shedding.share > 0, request.to.tag == nil,
            UInt32(truncatingIfNeeded: key.second & 0xFFFF) < shedding.share
        else { return false }
        return !(shedding.sparesParticipants && takesPart(request, flow))
    }

    /// How many transactions there may be for one more to be begun: a fifth is kept for what belongs to dialogs (TXN-46,
    /// OVL-20).
    func limit(isInDialog: Bool) -> Int {
        let limit = snapshot.settings.transactions
        return isInDialog ? limit : limit - limit / 5
    }

    /// Answers a request that is given no transaction.
    func answerStatelessly(_ request: SIPMessage, on flow: FlowContext, _ rejection: Rejection) {
        let response = statelessResponse(to: request, on: flow, rejection)
        counters.answered(rejection.status)
        act(.respond(flow.id, datagram: responseAddress(request, flow), response))
    }

    /// Answers a request that nobody vouches for, tells of it, and forgets it: its repeats are answered anew, alike.
    func turnDown(_ server: ServerTransaction, _ rejection: Rejection, now: NIODeadline) {
        server.ownReason = rejection.reason
        counters.answered(rejection.status)
        respond(server, statelessResponse(to: server.request, on: server.flow, rejection))
        report(server, rejection.status, nil, isLocal: true, now: now)
        end(server)
    }

    private func statelessResponse(to request: SIPMessage, on flow: FlowContext, _ rejection: Rejection) -> ByteBuffer {
        ownResponse(
            to: request,
            rejection.status,
            rejection.reason,
            tag: keys.statelessTag(of: request),
            on: flow,
            extra: rejection.extra
        )
    }

    /// Whether an ACK is for an answer that was given without state: its To tag shows that.
    func acknowledgesStateless(_ ack: SIPMessage) -> Bool {
        guard let tag = ack.to.tag, let number = ack.bytes.hexadecimal(tag) else { return false }
        return number == keys.statelessTag(of: ack)
    }
}

extension Rejection {
    /// Without Retry-After, with which all clients would leave and come back together (OVL-03).
    static let overloaded = Rejection(503, "Service Unavailable")
    static let peerNotAllowed = Rejection(403, "Peer Is Not Allowed")
}

extension ByteBuffer {
    /// The number that exactly 16 hexadecimal digits spell.
    fileprivate func hexadecimal(_ range: ByteRange) -> UInt64? {
        guard range.count == 16 else { return nil }
        return withUnsafeReadableBytes { raw in
            guard range.end <= raw.count else { return nil }
            var value: UInt64 = 0
            for byte in raw[range.start..<range.end] {
                switch byte {
                case 0x30...0x39: value = value << 4 | UInt64(byte &- 0x30)
                case 0x61...0x66: value = value << 4 | UInt64(byte &- 0x57)
                default: return nil
                }
            }
            return value
        }
    }
}
