// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation
internal import TestSupport
internal import Testing

@Suite("Configurations that are refused")
struct RejectedTests {
    static let files = Repository.yamlFiles(in: "config/rejected")

    @Test(
        "Each bad file is refused with exactly the problems that it announces, in the order of the file",
        arguments: files
    )
    func rejected(file: String) throws {
        let expected = try Repository.text(file).split(whereSeparator: \.isNewline)
            .compactMap { $0.hasPrefix("# expect: ") ? String($0.dropFirst(10)) : nil }
        let outcome = ConfigurationLoader.load(Repository.path(file), checksFiles: false)
        #expect(outcome.lines == expected)
        #expect(outcome.configuration == nil)
        #expect(!outcome.errors.isEmpty)
        #expect(outcome.problems.allSatisfy { $0.file == Repository.path(file) })
    }

    @Test("The bad files are there")
    func count() {
        #expect(Self.files.count >= 50)
    }

    @Test("A file that is larger than a configuration may be is not read")
    func huge() throws {
        let folder = try TemporaryDirectory()
        let size = ConfigurationLoader.sizeLimit
        let path = try folder.write(String(repeating: "#", count: size + 1), to: "huge.yaml")
        let outcome = ConfigurationLoader.load(path)
        #expect(outcome.lines.count == 1 && outcome.lines[0].contains("larger than a configuration may be"))
        let edge = try folder.write("#" + String(repeating: "\n", count: size - 1), to: "edge.yaml")
        #expect(ConfigurationLoader.load(edge).lines.first?.contains("the file is empty") == true)
    }

    @Test("A file that is not there, or is a folder, is named with the system's reason")
    func unreadable() throws {
        let folder = try TemporaryDirectory()
        let missing = ConfigurationLoader.load(folder.file("missing.yaml"))
        let advice = "check the path (--config names another) and its permissions"
        #expect(
            missing.problems.map(\.description) == [
                "\(folder.file("missing.yaml")): cannot read the configuration: No such file or directory; \(advice)"
            ]
        )
        let itself = ConfigurationLoader.load(folder.path)
        #expect(itself.lines == ["0:0: cannot read the configuration: Is a directory; \(advice)"])
    }

    @Test("Each certificate, key and list that cannot be read is told at the place of its name")
    func missingFiles() throws {
        let folder = try TemporaryDirectory()
        try folder.write("key", to: "certs/edge.key")
        let path = try folder.write(try Repository.text("config/minimal.yaml"), to: "brana.yaml")
        let outcome = ConfigurationLoader.load(path)
        #expect(
            outcome.problems.map(\.description) == [
                "\(path):9:26: tls.public.certificate: cannot read \(folder.path)/certs/edge.pem; check the path and its "
                    + "permissions"
            ]
        )
        try folder.write("certificate", to: "certs/edge.pem")
        #expect(ConfigurationLoader.load(path).problems.isEmpty)
    }
}
