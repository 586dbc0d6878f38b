// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// A call that stays up until a test ends it.
struct HeldCall: Sendable {
    /// The name of the server that took it.
    let server: String
    private let connection: DemoConnection
    private let serial: String
    private let dialog: DemoDialog

    private init(_ connection: DemoConnection, _ dialog: DemoDialog, serial: String, server: String) {
        self.connection = connection
        self.dialog = dialog
        self.serial = serial
        self.server = server
    }

    /// INVITE, 200, ACK.
    static func begin(_ edge: EdgeText, domain: String) async throws -> HeldCall {
        let connection = try await connect(edge)
        let serial = "held\(UInt32.random(in: .min ... .max))"
        let party = DemoDialog.Party(
            user: "alice",
            domain: domain,
            callee: "service",
            transport: .tls,
            address: connection.localAddress,
            port: connection.localPort
        )
        var dialog = DemoDialog(party: party, serial: serial)
        let reply = await connection.send(dialog.invite(branch: serial), branch: serial, deadline: .seconds(5))
        guard case .final(let response) = reply, response.status == 200, dialog.established(by: response) else {
            throw TestSupportError("the call was not set up: \(reply)")
        }
        connection.acknowledge(dialog.ack(branch: serial + "a"), invite: serial)
        let field = response.headers.first { response.bytes.text($0.nameRange).lowercased() == "server" }
        let server = field.map { response.bytes.text($0.value) } ?? "?"
        return HeldCall(connection, dialog, serial: serial, server: server)
    }

    /// The Route values of its requests, as the answer to its INVITE recorded them.
    var routes: [String] {
        var dialog = dialog
        return Rows(dialog.bye(branch: "unused")).all("route").map(\.value)
    }

    /// BYE; the status of its answer, 0 when there was none.
    func end() async -> UInt16 { await end(over: connection) }

    /// The same over a new connection to another edge.
    func end(at edge: EdgeText) async throws -> UInt16 {
        await connection.close()
        return await end(over: try await Self.connect(edge))
    }

    private func end(over connection: DemoConnection) async -> UInt16 {
        let branch = serial + "b"
        var dialog = dialog
        let reply = await connection.send(dialog.bye(branch: branch), branch: branch, deadline: .seconds(5))
        await connection.close()
        guard case .final(let response) = reply else { return 0 }
        return response.status
    }

    private static func connect(_ edge: EdgeText) async throws -> DemoConnection {
        try await DemoConnection.connect(
            host: "127.0.0.1",
            port: edge.port,
            secure: try Caller.secure(edge),
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
    }
}
