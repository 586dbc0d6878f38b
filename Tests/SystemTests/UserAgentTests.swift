// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("baresip and linphone, user agents of Debian's, through the edge")
    struct UserAgentTests {
        @Test("FLW-01, FLW-12: it registers over TLS, and is called by another over the connection that it opened")
        func call() async throws {
            let scene = try await RegistrarScene()
            let bob = try baresip("bob", in: scene)
            try await registered(bob.log, scene)
            let alice = try baresip("alice", in: scene, calling: "bob")
            try await scene.telling([bob.log]) {
                try await alice.log.wait(for: "Call established", within: .seconds(15))
                try await bob.log.wait(for: "Call established", within: .seconds(5))
            }
            // To the edge: one connection of each baresip, and what Kamailio opened to call bob back.
            #expect(try await scene.brana.status().connections <= 3)
            #expect(scene.kamailio.requests.contains { $0.contains("request INVITE for bob") })
            await alice.stop()
            await bob.stop()
            #expect(await scene.stop() == 0)
        }

        @Test("FLW-01, FLW-12: linphone and baresip call each other over the connections that they opened")
        func callBetweenMakes() async throws {
            let scene = try await RegistrarScene()
            let bob = try baresip("bob", in: scene)
            let carol = try Linphone("carol", domain: scene.domain, through: scene.edge, in: scene.directory)
            try await scene.telling([bob.log, carol.log]) {
                try await registered(bob.log, scene)
                try await carol.log.wait(for: Linphone.registered, within: .seconds(15))
                try carol.order("call sip:bob@\(scene.domain)")
                try await bob.log.wait(for: "Call established", within: .seconds(15))
                try await carol.log.wait(for: Linphone.isInCall, within: .seconds(5))
                try carol.order("terminate")
                try await bob.log.wait(for: "session closed", within: .seconds(5))
            }
            let dave = try baresip("dave", in: scene, calling: "carol")
            try await scene.telling([dave.log, carol.log]) {
                try await dave.log.wait(for: "Call established", within: .seconds(15))
                try await carol.log.wait(for: Linphone.isInCall, times: 2, within: .seconds(5))
            }
            #expect(scene.kamailio.requests.contains { $0.contains("request INVITE for bob") })
            #expect(scene.kamailio.requests.contains { $0.contains("request INVITE for carol") })
            // One connection of each agent, and what Kamailio opened.
            #expect(try await scene.brana.status().connections <= 4)
            await dave.stop()
            await carol.stop()
            await bob.stop()
            #expect(await scene.stop() == 0)
        }

        /// A baresip of the scene's domain, that calls another user at once where one is named.
        private func baresip(_ user: String, in scene: RegistrarScene, calling callee: String? = nil) throws -> Baresip
        {
            try Baresip(
                user,
                domain: scene.domain,
                through: scene.edge,
                commands: callee.map { ["/dial sip:\($0)@\(scene.domain)"] } ?? [],
                in: scene.directory
            )
        }

        private func registered(_ log: LogWatcher, _ scene: RegistrarScene) async throws {
            try await scene.brana.process.log.wait(
                for: "info brana: REGISTER sip:\(scene.domain)",
                within: .seconds(10)
            )
            try await log.wait(for: "200 OK")
        }
    }
}
