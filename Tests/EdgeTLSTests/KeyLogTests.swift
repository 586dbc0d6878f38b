// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

@Suite("The log of TLS secrets")
struct KeyLogTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private func connect(_ secrets: TLSSecrets, _ version: TLSVersion) throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server, version: version), secrets: secrets)
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let pair = try ChannelPair(server: server, client: client)
        try pair.run()
        #expect(pair.serverSide.outcome != nil)
    }

    @Test(
        "TLS-53: secrets are written when asked for only, one line each, for the owner's eyes",
        arguments: TLSVersion.modern
    )
    func keyLog(version: TLSVersion) throws {
        let path = self.all.store.directory + "/keys-\(version).log"
        try self.connect(TLSSecrets(), version)
        #expect(!FileManager.default.fileExists(atPath: path))
        try self.connect(TLSSecrets(keyLog: KeyLog(path: path)), version)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let label = version == .tls12 ? "CLIENT_RANDOM " : "CLIENT_TRAFFIC_SECRET_0 "
        #expect(lines.count { $0.hasPrefix(label) } == 1, "\(lines)")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("A file that cannot be written is refused in words, a link too")
    func unwritable() throws {
        let error = #expect(throws: KeyLog.Unwritable.self) { try KeyLog(path: "/nonexistent/keys") }
        #expect(error?.description.contains("No such file") == true)
        let link = self.all.store.directory + "/keys-link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: self.all.server.key)
        #expect(throws: KeyLog.Unwritable.self) { try KeyLog(path: link) }
        let open = self.all.store.directory + "/keys-open"
        #expect(FileManager.default.createFile(atPath: open, contents: nil, attributes: [.posixPermissions: 0o644]))
        #expect(throws: KeyLog.Unwritable.self) { try KeyLog(path: open) }
    }
}
