// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Servers to ask, in order, by their numbers in the settings of one generation.
struct ServerOrder: Sendable {
    let generation: Int
    private var numbers: ArraySlice<Int>

    init(_ numbers: ArraySlice<Int>, generation: Int) {
        self.numbers = numbers
        self.generation = generation
    }

    var first: Int? { numbers.first }

    func dropFirst() -> ServerOrder { ServerOrder(numbers.dropFirst(), generation: generation) }
}

/// The way of one question: which servers are left to ask, and what aliases it was led through so far.
struct Course: Sendable {
    let question: DNSQuestion
    /// The name that is asked for now: the question's, or what its aliases lead to.
    private(set) var name: DNSName
    /// The names before it, the question's first.
    private(set) var earlier: [DNSName] = []
    private(set) var order: ServerOrder
    /// The shortest TTL of the aliases.
    private var seconds = UInt32.max
    /// What DNSSEC says of the aliases.
    private var security = DNSAnswer.Security.secure
    /// What a server said that did not help.
    private(set) var failure: DNSAnswer?

    init(_ question: DNSQuestion, order: ServerOrder) {
        self.question = question
        name = question.name
        self.order = order
    }

    /// What is asked for now.
    var current: DNSQuestion { DNSQuestion(name, question.type) }

    /// Goes on at the next server; what DNSSEC refuses is told rather than the silence of the others.
    func behind(_ failure: DNSAnswer) -> Course {
        var next = self
        next.order = order.dropFirst()
        if self.failure?.outcome != .failure(.bogus) { next.failure = failure }
        return next
    }

    /// Asks the servers of other settings, whatever those before them said.
    func anew(_ order: ServerOrder) -> Course {
        var next = self
        next.order = order
        next.failure = nil
        return next
    }

    /// Goes on with another name (LOC-68).
    func following(
        _ name: DNSName,
        through names: [DNSName],
        seconds: UInt32,
        security: DNSAnswer.Security,
        order: ServerOrder
    ) -> Course {
        var next = self
        next.earlier += names
        next.name = name
        next.seconds = min(self.seconds, seconds)
        next.security = self.security.lower(of: security)
        next.order = order
        next.failure = nil
        return next
    }

    /// The answer to the question, of the answer for the last name.
    func completed(_ answer: DNSAnswer) -> DNSAnswer {
        var whole = answer
        guard !earlier.isEmpty, !answer.isFailure else { return whole }
        whole.isAliased = true
        whole.security = security.lower(of: answer.security)
        whole.timeToLive = min(answer.timeToLive, .seconds(Int64(seconds)))
        whole.refreshAt = whole.expiresAt
        return whole
    }
}

extension DNSAnswer.Security {
    /// The lower of the two: an answer is worth no more than the aliases that led to it.
    func lower(of other: DNSAnswer.Security) -> DNSAnswer.Security {
        func rank(_ security: DNSAnswer.Security) -> Int { Self.allCases.firstIndex(of: security) ?? 0 }
        return rank(self) < rank(other) ? other : self
    }
}
