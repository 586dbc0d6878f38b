// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Foundation

/// Authorities and certificates made on the spot with the `openssl` command, in a temporary directory that goes away
/// with this value.
///
/// All keys are EC P-256. Ask for a leaf with ``leaf(_:names:usages:issuer:days:includesChain:)``; its files' paths
/// come back.
package final class TestCertificates: Sendable {
    /// A certificate with its key, as PEM files.
    package struct Leaf: Sendable, Hashable {
        /// The certificate, followed by its intermediate authorities.
        package let chain: String
        package let key: String

        package init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    /// Who signs a leaf.
    package enum Issuer: Sendable, Hashable {
        /// The authority in ``authority``.
        case authority
        /// An intermediate authority below it.
        case intermediate
        /// An authority that nobody trusts, in ``otherAuthority``.
        case otherAuthority
        /// Its own key.
        case itself
    }

    /// What went wrong, with what the command said.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) {
            self.description = description
        }
    }

    package let directory: String
    /// PEM: the root that verifies the leafs of `.authority` and `.intermediate`.
    package let authority: String
    /// PEM: the root of `.otherAuthority`.
    package let otherAuthority: String

    /// Makes a directory with the authorities.
    package init() throws {
        let directory = NSTemporaryDirectory() + "/brana-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        self.directory = directory
        self.authority = directory + "/ca.pem"
        self.otherAuthority = directory + "/other.pem"
        try self.makeRoot("ca")
        try self.makeRoot("other")
        try self.makeIntermediate()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    /// Makes a leaf certificate.
    ///
    /// - Parameters:
    ///   - name: the files' name and the subject's common name.
    ///   - names: alternative names as OpenSSL writes them: `DNS:a.example`, `URI:sip:a.example`, `IP:127.0.0.1`.
    ///   - usages: extended key usages as OpenSSL writes them (`serverAuth`, an object identifier); none for no
    ///     extension.
    ///   - days: the end of its validity from now; negative for one that has expired, and was valid in the 30 days
    ///     before.
    ///   - startsIn: the beginning of its validity, in days from now.
    ///   - includesChain: whether the intermediate stands in the chain file.
    ///   - responder: where its authority answers OCSP requests, as the certificate says; nil: it says nothing.
    ///   - isRSA: whether its key is one of RSA, not of an elliptic curve.
    package func leaf(
        _ name: String,
        names: [String] = [],
        usages: [String] = ["serverAuth", "clientAuth"],
        issuer: Issuer = .authority,
        days: Int = 30,
        startsIn: Int = 0,
        includesChain: Bool = true,
        responder: String? = nil,
        isRSA: Bool = false
    ) throws -> Leaf {
        let leaf = Leaf(chain: self.path(name, "pem"), key: self.path(name, "key"))
        var extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        if !names.isEmpty { extensions += "subjectAltName=\(names.joined(separator: ","))\n" }
        if !usages.isEmpty { extensions += "extendedKeyUsage=\(usages.joined(separator: ","))\n" }
        if let responder { extensions += "authorityInfoAccess=OCSP;URI:\(responder)\n" }
        try self.request(name, isRSA: isRSA)
        if days < 0 || startsIn != 0 {
            let start = startsIn != 0 ? startsIn : days - 30
            try self.signWithDates(name, extensions: extensions, from: start, to: max(days, start + 1))
        } else {
            try self.sign(name, extensions: extensions, issuer: issuer, days: days)
        }
        if issuer == .intermediate, includesChain {
            let chain = try String(contentsOfFile: leaf.chain, encoding: .utf8)
            let issuer = try String(contentsOfFile: self.path("intermediate", "pem"), encoding: .utf8)
            try (chain + issuer).write(toFile: leaf.chain, atomically: true, encoding: .utf8)
        }
        return leaf
    }

    /// Makes a revocation list of the authority that names the leafs; its path comes back.
    ///
    /// - Parameter issuer: the options that name another authority.
    package func revocationList(_ name: String, revoking leafs: [Leaf], as issuer: [String] = []) throws -> String {
        let common = try self.authorityCommand(name) + issuer
        for leaf in leafs { try self.openssl(common + ["-revoke", leaf.chain]) }
        try self.openssl(common + ["-gencrl", "-out", self.path(name, "crl")])
        return self.path(name, "crl")
    }

    /// What an OCSP responder knows of a certificate.
    package enum Status: String, Sendable, CaseIterable {
        case good = "V"
        case revoked = "R"
        case unknown
    }

    /// The options of `openssl ocsp` for a responder of the intermediate authority that knows this of the leafs.
    ///
    /// - Parameter minutes: how long its answers count.
    package func responder(
        _ name: String,
        _ leafs: [(leaf: Leaf, status: Status)],
        minutes: Int = 60
    ) throws -> [String] {
        let end = Self.stamp(days: 30).dropFirst(2)
        let lines = try leafs.filter { $0.status != .unknown }.map { leaf, status in
            let serial = try self.openssl(["x509", "-in", leaf.chain, "-noout", "-serial"])
                .trimmingCharacters(in: .whitespacesAndNewlines).dropFirst("serial=".count)
            let revoked = status == .revoked ? String(Self.stamp(days: -1).dropFirst(2)) : ""
            return "\(status.rawValue)\t\(end)\t\(revoked)\t\(serial)\tunknown\t/CN=leaf\n"
        }
        let index = try self.file(name + ".index", lines.joined())
        return [
            "ocsp", "-index", index, "-CA", self.path("intermediate", "pem"),
            "-rsigner", self.path("intermediate", "pem"), "-rkey", self.path("intermediate", "key"),
            "-nmin", String(minutes),
        ]
    }

    /// Has the intermediate authority say this of a leaf that it issued; the path of its OCSP response comes back.
    package func ocspResponse(_ name: String, _ leaf: Leaf, _ status: Status, minutes: Int = 60) throws -> String {
        let request = self.path(name, "ocsp-request")
        let issuer = self.path("intermediate", "pem")
        try self.openssl(["ocsp", "-issuer", issuer, "-cert", leaf.chain, "-no_nonce", "-reqout", request])
        let options = try self.responder(name, [(leaf, status)], minutes: minutes)
        try self.openssl(options + ["-reqin", request, "-respout", self.path(name, "ocsp")])
        return self.path(name, "ocsp")
    }

    /// Writes a file into the directory; its path comes back.
    package func file(_ name: String, _ content: String) throws -> String {
        let path = self.directory + "/" + name
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Runs the `openssl` command and returns what it printed.
    @discardableResult
    package func openssl(_ arguments: [String], input: String = "") throws -> String {
        let (status, text) = try Self.run("openssl", arguments, input: input)
        guard status == 0 else {
            throw Failure(description: "openssl \(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }

    /// Runs a command with `input` on its standard input, and returns its exit status and all that it printed.
    ///
    /// - Parameter holdsInput: the input does not end before the command does.
    package static func run(
        _ command: String,
        _ arguments: [String],
        input: String = "",
        holdsInput: Bool = false
    ) throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // A peer that waits for ever must not hold up the tests for ever.
        process.arguments = ["timeout", "-s", "KILL", "20", command] + arguments
        let (source, output) = (Pipe(), Pipe())
        process.standardInput = source
        process.standardOutput = output
        process.standardError = output
        // Waiting by the process's own method polls every 50 ms.
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        // A command that has ended already does not want its input.
        try? source.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        if !holdsInput { try? source.fileHandleForWriting.close() }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        ended.wait()
        // A test process that runs hundreds of commands has no use for their descriptors.
        try? output.fileHandleForReading.close()
        return (process.terminationStatus, text)
    }

    private func path(_ name: String, _ kind: String) -> String {
        "\(self.directory)/\(name).\(kind)"
    }

    private func makeRoot(_ name: String) throws {
        try self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365",
            "-subj", "/CN=Brana test \(name)", "-keyout", self.path(name, "key"), "-out", self.path(name, "pem"),
        ])
    }

    private func makeIntermediate() throws {
        let extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        try self.request("intermediate")
        try self.sign("intermediate", extensions: extensions, issuer: .authority, days: 365)
    }

    private func request(_ name: String, isRSA: Bool = false) throws {
        let kind = isRSA ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        try self.openssl(
            [
                "req", "-new", "-newkey",
            ] + kind + [
                "-nodes",
                "-subj", "/CN=\(name)", "-keyout", self.path(name, "key"), "-out", self.path(name, "csr"),
            ]
        )
    }

    private func sign(_ name: String, extensions: String, issuer: Issuer, days: Int) throws {
        let extensionFile = try self.file(name + ".ext", extensions)
        var arguments = [
            "x509", "-req", "-in", self.path(name, "csr"), "-out", self.path(name, "pem"), "-days", String(days),
            "-extfile", extensionFile, "-set_serial", String(Int.random(in: 1...Int(Int32.max))),
        ]
        switch issuer {
        case .authority: arguments += ["-CA", self.authority, "-CAkey", self.path("ca", "key")]
        case .intermediate:
            arguments += ["-CA", self.path("intermediate", "pem"), "-CAkey", self.path("intermediate", "key")]
        case .otherAuthority: arguments += ["-CA", self.otherAuthority, "-CAkey", self.path("other", "key")]
        case .itself: arguments += ["-key", self.path(name, "key")]
        }
        try self.openssl(arguments)
    }

    /// Signs with dates of choice, which only the command of an authority can.
    private func signWithDates(_ name: String, extensions: String, from: Int, to: Int) throws {
        let extensionFile = try self.file(name + ".ext", extensions)
        try self.openssl(
            self.authorityCommand(name) + [
                "-batch", "-notext", "-in", self.path(name, "csr"), "-out", self.path(name, "pem"),
                "-startdate", Self.stamp(days: from), "-enddate", Self.stamp(days: to), "-extfile", extensionFile,
            ]
        )
    }

    /// The command of the authority, with the files that it wants.
    private func authorityCommand(_ name: String) throws -> [String] {
        let configuration = try self.file(
            name + ".cnf",
            """
            [ca]
            default_ca = brana
            [brana]
            database = \(self.file(name + ".db", ""))
            crlnumber = \(self.file(name + ".crlnumber", "01\n"))
            new_certs_dir = \(self.directory)
            rand_serial = yes
            policy = any
            default_md = sha256
            default_crl_days = 30
            [any]
            commonName = supplied
            """
        )
        return ["ca", "-config", configuration, "-cert", self.authority, "-keyfile", self.path("ca", "key")]
    }

    /// A time some days from now, as the command wants it.
    private static func stamp(days: Int) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMddHHmmss'Z'"
        return formatter.string(from: Date(timeIntervalSinceNow: Double(days) * 86_400))
    }
}
