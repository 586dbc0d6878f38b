// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// One question, from server to server and from alias to alias, until there is an answer.
extension ClientState {
    /// The answer of the servers, whatever the cache holds.
    func resolve(_ question: DNSQuestion) -> EventLoopFuture<DNSAnswer> {
        follow(Course(question, order: freshOrder()))
    }

    private func freshOrder() -> ArraySlice<Int> {
        health.order(count: settings.servers.count, attempts: settings.attempts, now: .now())
    }

    private func follow(_ course: Course) -> EventLoopFuture<DNSAnswer> {
        // A reload may have taken servers away while the question was on its way.
        guard let index = course.order.first, index < settings.servers.count else {
            return loop.makeSucceededFuture(course.failure ?? failure(.timeout))
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let server = settings.servers[index]
        return send(course.current, to: index).flatMap { result in
            let state = bound.value
            switch result {
            case .failure(let error):
                return state.proceed(course, Judged(.answer(state.failure(error.kind, server: "\(server)"))))
            case .success(let response):
                let reader = ResponseReader(question: course.current, server: "\(server)", earlier: course.earlier)
                let reading = reader.reading(of: response, now: .now())
                return state.judge(reading, response, course).flatMap { bound.value.proceed(course, $0) }
            }
        }
    }

    /// What is done about a response.
    private func proceed(_ course: Course, _ judged: Judged) -> EventLoopFuture<DNSAnswer> {
        switch judged.reading {
        case .answer(let answer) where answer.isFailure: return follow(course.behind(answer))
        case .answer(let answer): return loop.makeSucceededFuture(course.completed(answer))
        case .alias(let name, let names, let seconds):
            guard name.isAskable else { return loop.makeSucceededFuture(failure(.malformed)) }
            let security = judged.security
            return follow(
                course.following(name, through: names, seconds: seconds, security: security, order: freshOrder())
            )
        }
    }

    /// Why there is no response.
    enum SendFailure: Error {
        case silent
        case malformed

        var kind: DNSAnswer.Failure {
            switch self {
            case .silent: .timeout
            case .malformed: .malformed
            }
        }
    }

    /// The response of one server, and what it says of that server's health.
    func send(
        _ question: DNSQuestion,
        to index: Int
    ) -> EventLoopFuture<Result<DNSMessageCodec.Response, SendFailure>> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let server = settings.servers[index]
        return exchange(question, with: server).map { Result.success($0) }.flatMapErrorThrowing { error in
            .failure((error as? DNSExchange.ExchangeFailure) == .malformed ? .malformed : .silent)
        }
        .map { (result: Result<DNSMessageCodec.Response, SendFailure>) in
            let state = bound.value
            // The numbers are those of the servers that were asked, which a reload may have replaced.
            if index < state.settings.servers.count, state.settings.servers[index] == server {
                let isSilent = if case .failure(.silent) = result { true } else { false }
                state.health.note(index, failed: isSilent, now: .now())
            }
            return result
        }
    }

    private func exchange(
        _ question: DNSQuestion,
        with server: DNSServer
    ) -> EventLoopFuture<DNSMessageCodec.Response> {
        if server.transport == .tls {
            return link(to: server).ask(question)
        }
        return DNSExchange(
            loop: loop,
            question: question,
            server: server.socketAddress,
            timeout: settings.timeout,
            options: settings.options,
            mixesCase: settings.mixesCase
        )
        .run()
    }
}
