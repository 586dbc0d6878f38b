// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// One question, from server to server and from alias to alias, until there is an answer.
extension ClientState {
    /// The answer of the servers, whatever the cache holds.
    func resolve(_ question: DNSQuestion) -> EventLoopFuture<DNSAnswer> {
        follow(Course(question, order: freshOrder()))
    }

    private func freshOrder() -> ServerOrder {
        let numbers = health.order(count: settings.servers.count, attempts: settings.attempts, now: .now())
        return ServerOrder(numbers, generation: generation)
    }

    /// The order as it is, or one of the servers that other settings have brought meanwhile.
    func current(_ order: ServerOrder) -> ServerOrder { order.generation == generation ? order : freshOrder() }

    private func follow(_ course: Course) -> EventLoopFuture<DNSAnswer> {
        guard course.order.generation == generation else { return follow(course.anew(freshOrder())) }
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
                return state.judge(reading, response, course, server: server).flatMap {
                    bound.value.proceed(course, $0)
                }
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
        /// We have closed the connection ourselves, because there are other settings.
        case retired

        init(_ error: any Error) {
            switch error as? DNSExchange.ExchangeFailure {
            case .malformed: self = .malformed
            case .retired: self = .retired
            default: self = .silent
            }
        }

        var kind: DNSAnswer.Failure {
            switch self {
            case .silent, .retired: .timeout
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
            .failure(SendFailure(error))
        }
        .map { (result: Result<DNSMessageCodec.Response, SendFailure>) in
            let state = bound.value
            if case .failure(.retired) = result { return result }
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
