// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// Kamailio as a registrar over mutual TLS, by the script `Scenarios/kamailio.cfg`.
final class Kamailio: Sendable {
    let port: Int
    private let process: ChildProcess

    /// Starts it with a certificate of its own; it trusts the authority of `certificates` and nobody without a
    /// certificate.
    init(
        _ name: String,
        domain: String,
        showing leaf: TestCertificates.Leaf,
        trusting certificates: TestCertificates,
        asksForPasswords: Bool = false,
        in directory: TemporaryDirectory
    ) throws {
        Self.lowDescriptors
        port = try FreePort.next()
        let sides = ["server", "client"].map { side in
            """
            [\(side):default]
            method = TLSv1.2+
            verify_certificate = yes
            require_certificate = yes
            certificate = \(leaf.chain)
            private_key = \(leaf.key)
            ca_list = \(certificates.authority)

            """
        }
        let tls = try directory.write(sides.joined(), to: "\(name)-tls.cfg")
        let digest = asksForPasswords ? "#!define DIGEST" : ""
        let words = [
            "@PORT@": "\(port)", "@DOMAIN@": domain, "@TLS@": tls, "@NAME@": name, "@DIGEST@": digest,
        ]
        let template = "\(Brana.root)/Tests/SystemTests/Scenarios/kamailio.cfg"
        let script = words.reduce(try String(contentsOfFile: template, encoding: .utf8)) { text, word in
            text.replacing(word.key, with: word.value)
        }
        let file = try directory.write(script, to: "\(name).cfg")
        process = try ChildProcess(
            "kamailio",
            // In the foreground, with 64 MiB shared, and its sockets and files in the test's own directory.
            ["-DD", "-E", "-f", file, "-m", "64", "-M", "8", "-Y", directory.path],
            in: directory,
            log: "\(name).log"
        )
    }

    /// Takes all descriptors below 32.
    ///
    /// Kamailio closes those that it inherits (its MAX_FD), among them the one by which Foundation learns that a child has
    /// ended; that would then wait for Kamailio, and see no other child end.
    private static let lowDescriptors: Void = {
        while case let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC), (0..<32).contains(descriptor) {}
    }()

    deinit {
        // One that was not stopped is killed, which its own processes would not notice.
        for child in children { kill(child, SIGKILL) }
    }

    private var children: [Int32] {
        let path = "/proc/\(process.identifier)/task/\(process.identifier)/children"
        guard process.isRunning, let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: " ").compactMap { Int32($0) }
    }

    /// What its script wrote down of requests and answers.
    var requests: [Substring] { process.log.text.split(separator: "\n").filter { $0.contains("<script>: ") } }

    /// The end of its output, for the words of a failure.
    var excerpt: String { String(process.log.text.suffix(2500)) }

    @discardableResult
    func stop() async -> Int32 { await process.stop(within: .seconds(10)) }
}
