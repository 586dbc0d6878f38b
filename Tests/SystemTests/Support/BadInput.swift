// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// One thing that is wrong with a configuration or what it names, and what an operator must be told of it.
struct BadInput: Sendable, CustomTestStringConvertible {
    /// Which command meets it.
    enum Command: String, Sendable, CaseIterable {
        case run
        case check
        case reload
    }

    /// The configuration, with what a case may need beside it.
    struct Scene {
        var edge: EdgeText
        /// Keys of `admin` beside the socket.
        var admin = ""
        /// Whether there is a file at all.
        var exists = true
        let directory: TemporaryDirectory
        /// A port of 127.0.0.1 that is taken.
        let takenPort: Int
        /// What stands in the file where the problem is.
        var mark: String?
    }

    let testDescription: String
    /// Words that the line must have; the last ones say what to do.
    let words: [String]
    /// Other words that a reload must have.
    var reloadWords: [String]?
    /// Whether it can be known without opening a port.
    var isKnownToCheck = true
    let spoil: @Sendable (inout Scene) throws -> Void

    func words(for command: Command) -> [String] { command == .reload ? reloadWords ?? words : words }

    static let all: [BadInput] = [
        BadInput(testDescription: "unknown key", words: ["unknown key 'conections'", "did you mean 'connections'?"]) {
            $0.edge.rest += "\nlimits: { conections: 100 }"
            $0.mark = "conections"
        },
        BadInput(testDescription: "missing file", words: ["tls.public.certificate: cannot read", "check the path"]) {
            $0.edge.leaf = .init(chain: $0.directory.file("none.pem"), key: $0.edge.leaf.key)
            $0.mark = $0.edge.leaf.chain
        },
        BadInput(
            testDescription: "missing configuration",
            words: ["cannot read the configuration: No such file", "check the path"]
        ) { $0.exists = false },
        BadInput(
            testDescription: "key that does not fit its certificate",
            words: ["the key does not belong", "name the key"]
        ) {
            let other = try $0.edge.certificates.leaf("other", names: ["DNS:edge.example.test"])
            $0.edge.leaf = .init(chain: $0.edge.leaf.chain, key: other.key)
            $0.mark = other.key
        },
        BadInput(testDescription: "expired certificate", words: ["CN=expired expired", "days ago", "renew it"]) {
            $0.edge.leaf = try $0.edge.certificates.leaf("expired", names: ["DNS:edge.example.test"], days: -2)
            $0.mark = $0.edge.leaf.chain
        },
        BadInput(testDescription: "server name's bad key", words: ["the key does not belong", "name the key"]) {
            let first = try $0.edge.certificates.leaf("first", names: ["DNS:a.example.test"])
            let second = try $0.edge.certificates.leaf("second", names: ["DNS:b.example.test"])
            let third = try $0.edge.certificates.leaf("third", names: ["DNS:b.example.test"])
            let leaf = $0.edge.leaf
            $0.edge.profiles["names"] = """
                { certificate: \(leaf.chain), key: \(leaf.key), ca: \($0.edge.certificates.authority), server_names: [
                      { name: a.example.test, certificate: \(first.chain), key: \(first.key) },
                      { name: b.example.test, certificate: \(second.chain), key: \(third.key) }] }
                """
            $0.mark = third.key
        },
        BadInput(
            testDescription: "listener's port in use",
            words: ["listeners.spare.address: cannot bind 127.0.0.1:", "in use", "stop what listens there"],
            isKnownToCheck: false
        ) {
            $0.mark = "\"127.0.0.1:\($0.takenPort)\""
            $0.edge.listeners += ["{ name: spare, transport: tcp, address: \($0.mark ?? "") }"]
        },
        BadInput(
            testDescription: "admin port in use",
            words: ["admin.http: cannot serve 127.0.0.1:", "in use", "stop what listens there"],
            reloadWords: ["admin.http: cannot be changed by a reload", "restart Brana"],
            isKnownToCheck: false
        ) {
            $0.mark = "\"127.0.0.1:\($0.takenPort)\""
            $0.admin = ", http: \($0.mark ?? "")"
        },
        BadInput(
            testDescription: "admin socket in use",
            words: ["admin.socket: cannot serve", "another process serves it", "stop that one"],
            reloadWords: ["admin.socket: cannot be changed by a reload", "restart Brana"],
            isKnownToCheck: false
        ) {
            $0.mark = $0.directory.file("taken.sock")
            $0.admin = ", socket: \($0.mark ?? "")"
        },
    ]
}

extension BadInput.Scene {
    /// A sound configuration that nothing warns about.
    func text(socket: String) -> String {
        let named = edge.text.replacing(
            "transport: tls, tls: public }",
            with: "transport: tls, tls: public, advertise: edge.example.test }"
        )
        let admin = admin.contains("socket:") ? String(admin.dropFirst(2)) : "socket: \(socket)\(admin)"
        return "\(named)\nadmin: { \(admin) }\n"
    }

    /// `file:line:column: `, or `file: ` where nothing is marked.
    func place(in text: String, file: String) throws -> String {
        guard let mark else { return "\(file): " }
        let range = try #require(text.range(of: mark))
        let lines = text[..<range.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
        return "\(file):\(lines.count):\((lines.last?.count ?? 0) + 1): "
    }
}
