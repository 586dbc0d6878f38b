// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import TestSupport
import Testing

@testable import SIPDNS

@Suite("resolv.conf while it changes, in virtual time")
struct ResolverFileTests {
    static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds) }

    @Test("LOC-69: another content, another file in its place and the file's end are seen at the next look")
    func changes() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("nameserver 192.0.2.1\n", to: "resolv.conf")
        var file = ResolverFile(path)
        #expect(file.look(now: Self.at(0))?.servers.map(\.address.description) == ["192.0.2.1"])
        #expect(file.look(now: Self.at(10)) == nil, "nothing is new")
        _ = try directory.write("nameserver 192.0.2.2\nnameserver x\n", to: "resolv.conf")
        #expect(file.look(now: Self.at(11)) == nil, "it is not looked at all the time")
        let look = file.look(now: Self.at(12))
        let found = try #require(look)
        #expect(found.servers.map(\.address.description) == ["192.0.2.2"])
        #expect(found.unread == ["x"])
        _ = try directory.write("", to: "resolv.conf")
        #expect(file.look(now: Self.at(14))?.servers.map(\.address.description) == ["127.0.0.1"])
    }
}
