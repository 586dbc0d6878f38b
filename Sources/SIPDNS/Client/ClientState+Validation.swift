// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// What a response says, and what DNSSEC says of it.
struct Judged: Sendable {
    var reading: ResponseReader.Reading
    var security: DNSAnswer.Security

    init(_ reading: ResponseReader.Reading, _ security: DNSAnswer.Security = .unchecked) {
        self.security = security
        guard case .answer(var answer) = reading else {
            self.reading = reading
            return
        }
        answer.security = security
        self.reading = .answer(answer)
    }

    /// The same, to be used no longer than signatures allow (RFC 4035 section 5.3.3).
    func limited(to seconds: UInt32) -> Judged {
        var limited = self
        switch reading {
        case .answer(var answer):
            answer.timeToLive = min(answer.timeToLive, .seconds(Int64(seconds)))
            answer.refreshAt = answer.expiresAt
            limited.reading = .answer(answer)
        case .alias(let name, let through, let ttl):
            limited.reading = .alias(name, through: through, seconds: min(ttl, seconds))
        }
        return limited
    }

    /// Whether it says that something does not exist.
    var claimsAbsence: Bool {
        guard case .answer(let answer) = reading else { return false }
        return answer.outcome == .noData || answer.outcome == .nameError
    }

    var isFailure: Bool {
        guard case .answer(let answer) = reading else { return false }
        return answer.isFailure
    }
}

/// What came back to a question about keys.
enum Evidence: Sendable {
    case response(ByteBuffer)
    case failed(DNSAnswer.Failure)
}

/// DNSSEC: what a response is worth.
extension ClientState {
    /// Questions that one response may need until it is judged: two a label are plenty.
    static let evidenceLimit = 64

    /// Judges a response that was read, by the settings.
    func judge(
        _ reading: ResponseReader.Reading,
        _ response: DNSMessageCodec.Response,
        _ course: Course,
        server: DNSServer
    ) -> EventLoopFuture<Judged> {
        let judged = Judged(reading)
        guard !judged.isFailure else { return loop.makeSucceededFuture(judged) }
        switch settings.dnssec {
        case .off: return loop.makeSucceededFuture(judged)
        case .trustAD:
            return loop.makeSucceededFuture(Judged(reading, server.verdict(isAuthenticated: response.isAuthenticated)))
        case .validate:
            let bound = NIOLoopBound(self, eventLoop: loop)
            return validate(response, course, claimsAbsence: judged.claimsAbsence, asked: 0).map { verdict in
                bound.value.judged(reading, verdict, "\(server)")
            }
        }
    }

    private func judged(
        _ reading: ResponseReader.Reading,
        _ verdict: ResponseValidation.Verdict,
        _ server: String
    ) -> Judged {
        switch verdict {
        case .secure(let seconds): return Judged(reading, .secure).limited(to: seconds)
        case .insecure: return Judged(reading, .insecure)
        case .bogus(let reason):
            var bogus = failure(.bogus, server: server)
            bogus.reason = reason
            chain.forgetFailures()
            return Judged(.answer(bogus), .bogus)
        case .indeterminate(let kind):
            var failure = failure(kind, server: server)
            failure.reason = "its DNSSEC keys could not be had"
            return Judged(.answer(failure))
        }
    }

    /// Asks for keys until the response can be judged.
    private func validate(
        _ response: DNSMessageCodec.Response,
        _ course: Course,
        claimsAbsence: Bool,
        asked: Int
    ) -> EventLoopFuture<ResponseValidation.Verdict> {
        guard let message = SignedMessage(response.bytes), asked < Self.evidenceLimit else {
            return loop.makeSucceededFuture(.bogus("it needs more than \(Self.evidenceLimit) questions about keys"))
        }
        let time = settings.validationTime()
        let validation = ResponseValidation(course.current, message, time: time, now: .now())
        switch validation.step(chain, claimsAbsence: claimsAbsence) {
        case .verdict(let verdict): return loop.makeSucceededFuture(verdict)
        case .ask(let question):
            let bound = NIOLoopBound(self, eventLoop: loop)
            return gather(question, order: course.order).flatMap { _ in
                bound.value.validate(response, course, claimsAbsence: claimsAbsence, asked: asked + 1)
            }
        }
    }

    /// Asks about keys, the server first that gave the response, and tells the chain; once for all that ask the same.
    private func gather(_ question: DNSQuestion, order: ServerOrder) -> EventLoopFuture<Evidence> {
        if let running = evidence[question] { return running }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let future = search(question, order: order).map { found in
            let state = bound.value
            state.evidence[question] = nil
            state.learn(question, found)
            return found
        }
        evidence[question] = future
        // It may have ended at once, before there was anything to take away.
        future.whenComplete { _ in bound.value.evidence[question] = nil }
        return future
    }

    private func learn(_ question: DNSQuestion, _ found: Evidence) {
        switch found {
        case .failed(let kind): chain.fail(question, kind, now: .now())
        case .response(let bytes):
            guard let message = SignedMessage(bytes) else { return chain.fail(question, .malformed, now: .now()) }
            chain.take(message, for: question, now: .now(), time: settings.validationTime())
        }
    }

    /// The first response of the servers that says anything.
    private func search(
        _ question: DNSQuestion,
        order: ServerOrder,
        failure: DNSAnswer.Failure = .timeout
    ) -> EventLoopFuture<Evidence> {
        let order = current(order)
        guard let index = order.first, index < settings.servers.count else {
            return loop.makeSucceededFuture(.failed(failure))
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        return send(question, to: index).flatMap { result in
            let state = bound.value
            switch result {
            case .success(let response) where response.code == 0 || response.code == 3:
                return state.loop.makeSucceededFuture(.response(response.bytes))
            case .success: return state.search(question, order: order.dropFirst(), failure: .serverFailure)
            case .failure(let error): return state.search(question, order: order.dropFirst(), failure: error.kind)
            }
        }
    }
}
