// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import SIPMessage
internal import Synchronization

/// Users who register with the edge and call, over several connections at once.
package final class DemoCaller: Sendable {
    /// Where and how to call.
    package struct Settings: Sendable {
        package var host = "127.0.0.1"
        package var port: Int
        /// The domain that users and callee are in.
        package var domain: String
        package var callee = "service"
        package var users = 10
        package var connections = 4
        /// How long a call stays up before BYE.
        package var hold = TimeAmount.milliseconds(20)
        /// The longest wait for a final response; a call that gets none failed.
        package var deadline = TimeAmount.seconds(10)
        /// Calls at once at most; more wait, so that a slow edge is not buried.
        package var concurrency = 200

        package init(port: Int, domain: String) {
            self.port = port
            self.domain = domain
        }
    }

    private let settings: Settings
    private let secure: DemoConnection.Secure?
    private let group: any EventLoopGroup
    private let run: String
    private let serial = Atomic<Int>(0)
    private let slots: DemoConnectionSlots

    /// - Parameters:
    ///   - run: makes Call-IDs and branches of this caller differ from any other's.
    ///   - secure: adds the TLS handler; nil for plain TCP.
    package init(settings: Settings, run: String, secure: DemoConnection.Secure?, group: any EventLoopGroup) {
        self.settings = settings
        self.run = run
        self.secure = secure
        self.group = group
        slots = DemoConnectionSlots(count: max(1, settings.connections))
    }

    /// Connections that the edge or the network ended and that were opened anew.
    package func reconnects() async -> Int { await slots.reconnects }

    /// Registers every user.
    /// - Returns: why each registration failed that did.
    package func register() async -> [String] {
        var failures: [String] = []
        for user in 0..<settings.users {
            guard let connection = await connection(user) else {
                failures.append("demo\(user): cannot connect")
                continue
            }
            let serial = nextSerial()
            let dialog = DemoDialog(party: party(user, connection), serial: serial)
            let bytes = dialog.register(branch: serial, expires: 600)
            let reply = await connection.send(bytes, branch: serial, deadline: settings.deadline)
            if let reason = Self.failure(reply, of: "REGISTER") { failures.append("demo\(user): \(reason)") }
        }
        return failures
    }

    /// Makes `calls` calls, begun at an even rate, and waits until each has ended; fewer when its task is cancelled.
    package func call(_ calls: Int, perSecond rate: Double) async -> DemoTally {
        let clock = ContinuousClock()
        let began = clock.now
        return await withTaskGroup(of: DemoCallOutcome.self) { tasks in
            var tally = DemoTally()
            for index in 0..<calls {
                if index >= settings.concurrency, let outcome = await tasks.next() { tally.count(outcome) }
                try? await clock.sleep(until: began + .seconds(Double(index) / max(rate, 0.001)))
                if Task.isCancelled { break }
                tasks.addTask { await self.callOnce(index) }
            }
            for await outcome in tasks { tally.count(outcome) }
            return tally
        }
    }

    /// Calls at an even rate until `stop` says so, and waits until each call has ended.
    package func call(perSecond rate: Double, until stop: @escaping @Sendable () -> Bool) async -> DemoTally {
        let batch = max(1, Int(rate / 10))
        return await withTaskGroup(of: DemoTally.self) { tasks in
            var tally = DemoTally()
            while !stop() {
                tasks.addTask { await self.call(batch, perSecond: rate) }
                try? await Task.sleep(for: .seconds(Double(batch) / max(rate, 0.001)))
            }
            for await part in tasks { tally.add(part) }
            return tally
        }
    }

    /// Closes all connections.
    package func close() async {
        await slots.close()
    }

    private func callOnce(_ index: Int) async -> DemoCallOutcome {
        guard let connection = await connection(index) else { return .failed(reason: "cannot connect") }
        let serial = nextSerial()
        var dialog = DemoDialog(party: party(index % max(1, settings.users), connection), serial: serial)
        let began = ContinuousClock.now
        let reply = await connection.send(dialog.invite(branch: serial), branch: serial, deadline: settings.deadline)
        let setup = began.duration(to: .now)
        if let reason = Self.failure(reply, of: "INVITE") { return .failed(reason: reason) }
        guard case .final(let ok) = reply, dialog.established(by: ok) else {
            return .failed(reason: "INVITE: 200 that makes no dialog")
        }
        connection.acknowledge(dialog.ack(branch: serial + "a"), invite: serial)
        try? await Task.sleep(for: .nanoseconds(settings.hold.nanoseconds))
        let bye = dialog.bye(branch: serial + "b")
        let end = await connection.send(bye, branch: serial + "b", deadline: settings.deadline)
        connection.forget(invite: serial)
        if let reason = Self.failure(end, of: "BYE") { return .failed(reason: reason) }
        return .completed(server: Self.server(of: ok), setup: TimeAmount(setup))
    }

    private func connection(_ index: Int) async -> DemoConnection? {
        let loop = group.next()
        return await slots.connection(index) { [settings, secure] in
            try? await DemoConnection.connect(host: settings.host, port: settings.port, secure: secure, on: loop)
        }
    }

    private func party(_ user: Int, _ connection: DemoConnection) -> DemoDialog.Party {
        DemoDialog.Party(
            user: "demo\(user)",
            domain: settings.domain,
            callee: settings.callee,
            transport: secure == nil ? .tcp : .tls,
            address: connection.localAddress,
            port: connection.localPort
        )
    }

    private func nextSerial() -> String {
        "\(run)-\(serial.add(1, ordering: .relaxed).newValue)"
    }

    /// Why a request failed; nil when it got a 2xx.
    private static func failure(_ reply: DemoConnection.Reply, of method: String) -> String? {
        switch reply {
        case .timeout: "\(method): no final response in time"
        case .closed: "\(method): the connection ended"
        case .final(let response): response.status < 300 ? nil : "\(method): \(response.status)\(phrase(of: response))"
        }
    }

    private static func phrase(of response: SIPMessage) -> String {
        guard case .response(_, let phrase) = response.startLine, !phrase.isEmpty else { return "" }
        return " \(response.bytes.text(phrase))"
    }

    private static func server(of response: SIPMessage) -> String {
        for field in response.headers where response.bytes.text(field.nameRange).lowercased() == "server" {
            return response.bytes.text(field.value)
        }
        return "unknown"
    }
}

/// The caller's connections; a slot whose connection ended is filled anew, once, however many calls ask for it.
private actor DemoConnectionSlots {
    private var slots: [Task<DemoConnection?, Never>?]
    private(set) var reconnects = 0

    init(count: Int) {
        slots = Array(repeating: nil, count: count)
    }

    func connection(_ index: Int, open: @escaping @Sendable () async -> DemoConnection?) async -> DemoConnection? {
        let slot = index % slots.count
        if let task = slots[slot] {
            let connection = await task.value
            if let connection, connection.isOpen { return connection }
            // Another call may have filled the slot while this one waited.
            guard slots[slot] == task else { return await slots[slot]?.value }
            if connection != nil { reconnects += 1 }
        }
        let task = Task { await open() }
        slots[slot] = task
        return await task.value
    }

    func close() async {
        for task in slots { await task?.value?.close() }
        slots = slots.map { _ in nil }
    }
}
