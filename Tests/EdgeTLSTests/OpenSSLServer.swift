// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import TestSupport

/// The server of the openssl command, which sends each line back in reverse and demands a certificate.
final class OpenSSLServer {
    let port: Int
    private let process = Process()

    init(_ all: Certificates.Set, version: TLSVersion, options: [String] = []) throws {
        let output = Pipe()
        self.process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        self.process.arguments =
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-rev", version == .tls12 ? "-tls1_2" : "-tls1_3",
                "-cert", all.server.chain, "-key", all.server.key, "-CAfile", all.store.authority, "-Verify", "3",
            ] + options
        self.process.standardInput = Pipe()
        self.process.standardOutput = output
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
        // It says where it listens, and then works.
        var said = ""
        var port: Int?
        while port == nil {
            let piece = output.fileHandleForReading.availableData
            if piece.isEmpty { break }
            said += String(decoding: piece, as: UTF8.self)
            let lines = said.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            port = lines.first { $0.hasPrefix("ACCEPT 127.0.0.1:") }.flatMap { Int($0.dropFirst(17)) }
        }
        guard let port else { throw TestCertificates.Failure(description: "no server: \(said)") }
        self.port = port
    }

    func stop() {
        // Where the process of the tests blocks SIGTERM, its children do too.
        _ = kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
    }
}
