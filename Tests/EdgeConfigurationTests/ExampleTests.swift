// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import SIPMessage
internal import Testing

@Suite("Example configurations")
struct ExampleTests {
    static let full = try? ExampleFile(Repository.text("config/full.yaml"))

    static func load(_ name: String) throws -> Configuration {
        let outcome = ConfigurationLoader.load(Repository.path("config/\(name).yaml"), checksFiles: false)
        return try #require(outcome.configuration, "\(outcome.problems)")
    }

    @Test("Each example loads without a problem and names its schema", arguments: Repository.yamlFiles(in: "config"))
    func loads(file: String) throws {
        let outcome = ConfigurationLoader.load(Repository.path(file), checksFiles: false)
        #expect(outcome.problems == [])
        #expect(outcome.configuration != nil)
        #expect(try Repository.text(file).hasPrefix("# yaml-language-server: $schema=brana.schema.json\n"))
    }

    @Test("The examples are there")
    func names() {
        let names = ["fronted", "full", "interconnect-a", "interconnect-b", "levels", "minimal"]
        #expect(Repository.yamlFiles(in: "config") == names.map { "config/\($0).yaml" })
    }

    @Test("Each file that a TLS profile names is known by its place, so that what is wrong with it is shown there")
    func places() throws {
        let outcome = ConfigurationLoader.load(Repository.path("config/full.yaml"), checksFiles: false)
        let profiles = try #require(outcome.configuration).tls
        let places = profiles.flatMap { name, profile in profile.files.map { "tls.\(name).\($0.path)" } }
        #expect(places.contains("tls.public.server_names.0.further_certificates.0.ocsp_response"))
        for place in places { #expect(outcome.positions[place] != nil, "\(place)") }
    }

    @Test("full.yaml has every key that the loader knows, and says of each what leaving it out means")
    func everyKey() throws {
        let full = try #require(Self.full)
        for section in ConfigurationSection.allCases {
            let keys = full.firstKeys.filter { $0.section == section }
            #expect(Set(keys.map(\.name)) == Set(section.keys), "\(section)")
            for key in keys where section != .file { #expect(key.mark != nil, "line \(key.line + 1): \(key.name)") }
        }
    }

    @Test("Each default that full.yaml tells is the loader's", arguments: full?.firstKeys.filter(\.isStandard) ?? [])
    func defaults(key: ExampleFile.Key) throws {
        let full = try #require(Self.full)
        guard case .standard(let value) = key.mark else { return }
        let absent = ConfigurationOutcome.of(full.text(replacing: key, with: nil))
        let given = ConfigurationOutcome.of(full.text(replacing: key, with: value))
        #expect(absent.configuration != nil, "\(absent.problems)")
        #expect(absent.configuration == given.configuration, "\(key.place): \(given.problems)")
    }

    @Test("Each key that full.yaml calls required is", arguments: full?.firstKeys.filter { $0.mark == .required } ?? [])
    func required(key: ExampleFile.Key) throws {
        let outcome = ConfigurationOutcome.of(try #require(Self.full).text(replacing: key, with: nil))
        #expect(outcome.errors.contains { $0.message.contains("needs '\(key.name)'") }, "\(outcome.problems)")
    }

    @Test(
        "Each key without a default changes what is read",
        arguments: full?.firstKeys.filter { $0.mark == ExampleFile.Mark.none } ?? []
    )
    func effective(key: ExampleFile.Key) throws {
        let full = try #require(Self.full)
        let whole = ConfigurationOutcome.of(full.lines.joined(separator: "\n"))
        #expect(whole.configuration != nil)
        #expect(ConfigurationOutcome.of(full.text(replacing: key, with: nil)).configuration != whole.configuration)
    }

    @Test("levels.yaml has three listeners, with verify and require off, half on and on")
    func levels() throws {
        let configuration = try Self.load("levels")
        let profiles = try configuration.listeners.map { try #require(configuration.tls[$0.tls ?? ""]) }
        #expect(configuration.listeners.map(\.port) == [5061, 5071, 5081])
        #expect(profiles.map(\.verify) == [false, true, true])
        #expect(profiles.map(\.require) == [false, false, true])
        #expect(profiles.map(\.minimumVersion) == ["1.2", "1.2", "1.3"])
        #expect(Set(profiles.map { [$0.ciphers, $0.cipherSuites, "\($0.verifyDepth)"] }).count == 3)
    }

    @Test(
        "Of the interconnection each side demands a certificate, shows its own, and names the other",
        arguments: [
            ("interconnect-a", "north.example.test", "south.example.test"),
            ("interconnect-b", "south.example.test", "north.example.test"),
        ]
    )
    func interconnection(name: String, own: String, other: String) throws {
        let configuration = try Self.load(name)
        #expect(configuration.edge.domains == [own, other])
        let trunk = try #require(configuration.listeners.first { $0.name == "trunk" })
        let inward = try #require(configuration.tls[trunk.tls ?? ""])
        #expect(trunk.port == 5081 && trunk.role == .peer && trunk.advertisedHost == "edge.\(own)")
        #expect(inward.verify && inward.require && inward.ca != nil)
        let partner = try #require(configuration.pools.first { $0.target == "sips:\(other)" })
        let outward = try #require(configuration.tls[partner.tls ?? ""])
        #expect(outward.verify && outward.ca != nil && outward.certificate != inward.certificate)
        #expect(partner.via == "trunk" && partner.verifyName && partner.transports == [.tls])
        #expect(configuration.routes.contains { $0.domains == [other] && $0.action == .pool(partner.name) })
        #expect(configuration.routes[0].peers == [other] && configuration.routes[0].domains == [own])
    }
}

extension ExampleFile.Key: CustomTestStringConvertible {
    var testDescription: String { place }

    var isStandard: Bool { if case .standard = mark { true } else { false } }
}
