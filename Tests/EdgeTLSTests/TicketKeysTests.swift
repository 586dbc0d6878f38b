// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

@Suite("TLS-05: the keys under session tickets")
struct TicketKeysTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private static func key(_ byte: UInt8) throws -> TicketKey {
        try #require(TicketKey([UInt8](repeating: byte, count: 32)))
    }

    private func knows(_ keys: TicketKeys, _ key: TicketKey) -> Bool? {
        key.name.withUnsafeBufferPointer { keys.key(named: $0)?.isCurrent }
    }

    @Test("A key of one's own stays for its time, then a new one takes over, and two before it are known still")
    func rotation() throws {
        let keys = TicketKeys(rotation: 3600)
        var former: [TicketKey] = []
        for round in 0..<4 {
            let now = 1_000_000 + Int64(round) * 3600
            let key = try #require(keys.current(now: now))
            #expect(!former.contains { $0.name == key.name })
            #expect(keys.current(now: now + 3599)?.name == key.name)
            former.append(key)
        }
        #expect(former.map { self.knows(keys, $0) } == [nil, false, false, true])
    }

    @Test("A clock that goes back makes a new key rather than keep one for years")
    func clockGoesBack() throws {
        let keys = TicketKeys(rotation: 3600)
        let first = try #require(keys.current(now: 1_000_000))
        #expect(keys.current(now: 500_000)?.name != first.name)
    }

    @Test("Keys that are given stay, and those that are not given any more are forgotten at once")
    func givenKeys() throws {
        let (one, two) = (try Self.key(1), try Self.key(2))
        let keys = TicketKeys([one, two])
        #expect(keys.current(now: 0)?.name == one.name && keys.current(now: .max)?.name == one.name)
        #expect(self.knows(keys, one) == true && self.knows(keys, two) == false)
        #expect(TicketKey([UInt8](repeating: 1, count: 31)) == nil, "too short")
        #expect(TicketKeys([one]).continued(rotation: 3600).current(now: 0)?.name != one.name)
    }

    private func context(_ version: TLSVersion, _ keys: TicketKeys) throws -> TLSContext {
        try TLSContext(serverProfile: TLSProfile(self.all.server, version: version), secrets: TLSSecrets(tickets: keys))
    }

    private func isResumed(_ server: TLSContext, _ client: TLSContext) throws -> Bool {
        let pair = try ChannelPair(server: server, client: client)
        try pair.run()
        return try #require(pair.serverSide.outcome).resumed
    }

    @Test("What one edge of a fleet gives out another takes, by the same file", arguments: TLSVersion.modern)
    func fleet(version: TLSVersion) throws {
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let one = try self.context(version, TicketKeys([Self.key(1)]))
        let two = try self.context(version, TicketKeys([Self.key(1)]))
        let newer = try self.context(version, TicketKeys([Self.key(2), Self.key(1)]))
        let stranger = try self.context(version, TicketKeys([Self.key(3)]))
        #expect(try self.isResumed(one, client) == false)
        #expect(try self.isResumed(two, client))
        #expect(try self.isResumed(newer, client), "a key behind the first still opens")
        // A client of version 1.2 keeps no session whose ticket was renewed.
        #expect(try self.isResumed(newer, client) == (version == .tls13))
        #expect(try self.isResumed(one, client) == false, "what the newer key made")
        #expect(try self.isResumed(one, client))
        #expect(try self.isResumed(stranger, client) == false)
    }

    @Test("A reload takes no session away, but one after which the key is gone", arguments: TLSVersion.modern)
    func reload(version: TLSVersion) throws {
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let keys = TicketKeys()
        #expect(try self.isResumed(self.context(version, keys), client) == false)
        let later = keys.continued(rotation: 3600)
        #expect(try self.isResumed(self.context(version, later), client))
        #expect(try self.isResumed(self.context(version, TicketKeys()), client) == false)
    }

    @Test("A ticket that was changed is not taken, and does no harm", arguments: TLSVersion.modern)
    func changedTicket(version: TLSVersion) throws {
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let server = try self.context(version, TicketKeys([Self.key(1)]))
        #expect(try self.isResumed(server, client) == false)
        let name = try Self.key(1).name
        let pair = try ChannelPair(server: server, client: client)
        var isChanged = false
        pair.damage = { buffer in
            // The ticket follows the name of its key; its vector is changed, which the MAC covers.
            guard !isChanged, let place = buffer.readableBytesView.firstRange(of: name) else { return }
            let at = place.upperBound + 3
            buffer.setInteger((buffer.getInteger(at: at, as: UInt8.self) ?? 0) ^ 1, at: at)
            isChanged = true
        }
        try pair.run()
        #expect(isChanged)
        #expect(pair.serverSide.outcome?.resumed != true)
    }

    /// A server's context with one additional name, whose certificate both of these tests' listeners show.
    private func named(
        _ keys: TicketKeys,
        version: TLSVersion,
        require: Bool,
        list: String? = nil
    ) throws -> TLSContext {
        let trust = self.all.store.authority
        var profile = TLSProfile(self.all.chained, trust: trust, verify: true, require: require, version: version)
        let files = TLSProfile.CertificateFiles(chain: self.all.server.chain, key: self.all.server.key)
        profile.additionalServerNames = [.init(name: Certificates.Set.domain, use: .certificates([files]))]
        profile.crlFile = list
        return try TLSContext(serverProfile: profile, secrets: TLSSecrets(tickets: keys))
    }

    @Test(
        "TLS-05, TLS-25: a ticket of a listener that requires no certificate opens none that does, under the same name",
        arguments: TLSVersion.modern
    )
    func otherListener(version: TLSVersion) throws {
        let keys = TicketKeys()
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let open = try self.named(keys, version: version, require: false)
        #expect(try self.isResumed(open, client) == false)
        #expect(try self.isResumed(open, client))
        let pair = try ChannelPair(server: try self.named(keys, version: version, require: true), client: client)
        try pair.run()
        #expect(pair.serverSide.outcome == nil)
        #expect(pair.serverSide.failures.map(\.reason) == [.certificateMissing])
    }

    @Test("TLS-20: another revocation list asks everybody anew, by every name", arguments: TLSVersion.modern)
    func otherList(version: TLSVersion) throws {
        let (keys, trust) = (TicketKeys(), self.all.store.authority)
        let profile = TLSProfile(self.all.client, trust: trust, verify: true)
        let client = try TLSContext(clientProfile: profile)
        let none = try self.all.store.revocationList("ticket-none-\(version)", revoking: [])
        let other = try self.all.store.revocationList("ticket-other-\(version)", revoking: [self.all.expired])
        let before = try self.named(keys, version: version, require: true, list: none)
        #expect(try self.isResumed(before, client) == false)
        #expect(try self.isResumed(try self.named(keys, version: version, require: true, list: none), client))
        #expect(try self.isResumed(try self.named(keys, version: version, require: true, list: other), client) == false)
    }
}
