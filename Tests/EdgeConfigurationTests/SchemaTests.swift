// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import SIPLocation
internal import Testing

@Suite("The JSON Schema for editors")
struct SchemaTests {
    let schema: Schema
    let full: ExampleFile

    init() throws {
        schema = try Schema.load()
        full = try ExampleFile(Repository.text("config/full.yaml"))
    }

    private func key(_ section: ConfigurationSection, _ name: String) -> ExampleFile.Key? {
        full.keys.first { $0.section == section && $0.name == name }
    }

    @Test(
        "Each section has the loader's keys, no others, and says what each means",
        arguments: ConfigurationSection.allCases
    )
    func keys(section: ConfigurationSection) throws {
        let part = try #require(schema.at(section))
        #expect(Set(try #require(part.properties).keys) == Set(section.keys))
        if case .refused = part.rest {} else { Issue.record("\(section.rawValue) takes unknown keys") }
        guard section != .file else { return }
        for (name, property) in part.properties ?? [:] { #expect(property.description?.isEmpty == false, "\(name)") }
    }

    @Test(
        "What is required, and each default, is what full.yaml tells, which is the loader's",
        arguments: ConfigurationSection.allCases
    )
    func defaults(section: ConfigurationSection) throws {
        let part = try #require(schema.at(section))
        guard section != .file else {
            #expect(part.required == ["listeners", "pools", "routes"])
            return
        }
        for name in section.keys {
            let mark = try #require(self.key(section, name)?.mark)
            let standard = part.properties?[name]?.standard?.yaml
            switch mark {
            case .standard(let text):
                #expect(standard == text.replacing("\"", with: ""), "\(name)")
            case .required, .none: #expect(standard == nil, "\(name)")
            }
            #expect((part.required ?? []).contains(name) == (mark == .required), "\(name)")
        }
    }

    @Test(
        "Numbers may be what the loader takes: the bounds are taken, one beyond is refused",
        arguments: ConfigurationSection.allCases
    )
    func bounds(section: ConfigurationSection) throws {
        let part = try #require(schema.at(section))
        for (name, property) in part.properties ?? [:] {
            guard let minimum = property.minimum, let maximum = property.maximum else { continue }
            let key = try #require(self.key(section, name))
            for (value, isTaken) in [(minimum, true), (maximum, true), (minimum - 1, false), (maximum + 1, false)] {
                let outcome = ConfigurationOutcome.of(full.text(replacing: key, with: "\(value)"))
                #expect(outcome.errors.isEmpty == isTaken, "\(key.place): \(value)")
            }
        }
    }

    @Test(
        "Words to choose from are the loader's: each is taken, another is refused",
        arguments: ConfigurationSection.allCases
    )
    func words(section: ConfigurationSection) throws {
        let part = try #require(schema.at(section))
        for (name, property) in part.properties ?? [:] {
            guard let words = property.words else { continue }
            let key = try #require(self.key(section, name))
            for word in words + ["another"] {
                let outcome = ConfigurationOutcome.of(full.text(replacing: key, with: "\"\(word)\""))
                let refusal = outcome.errors.first { $0.line == key.line + 1 && $0.message.contains("must be one of") }
                #expect((refusal == nil) == (word != "another"), "\(key.place): \(word)")
            }
        }
    }

    @Test("The loader's words are all there to choose from")
    func wordsOfTheLoader() {
        func words(_ section: ConfigurationSection, _ name: String) -> Set<String> {
            Set(schema.at(section)?.properties?[name]?.words ?? [])
        }
        #expect(words(.edge, "path") == Set(PathSetting.allCases.map(\.rawValue)))
        #expect(words(.listener, "role") == Set(ListenerSettings.Role.allCases.map(\.rawValue)))
        #expect(words(.listener, "trust") == Set(ListenerSettings.Trust.allCases.map(\.rawValue)))
        #expect(words(.listener, "over_limit") == Set(ListenerSettings.OverLimit.allCases.map(\.rawValue)))
        #expect(words(.listener, "transport") == ["udp", "tcp", "tls"])
        #expect(words(.pool, "affinity") == Set(PoolSettingsEntry.Affinity.allCases.map(\.rawValue)))
        #expect(words(.pool, "families") == Set(PoolSettingsEntry.Families.allCases.map(\.rawValue)))
        #expect(words(.pool, "naptr_failover") == Set(ResolutionPolicy.Failover.allCases.map(\.rawValue)))
        #expect(words(.pool, "tls_loss") == Set(ResolutionPolicy.TLSLoss.allCases.map(\.rawValue)))
        #expect(words(.pool, "dane") == Set(ResolutionPolicy.DANE.allCases.map(\.rawValue)))
        #expect(words(.pool, "balance") == Set(PoolSettingsEntry.Balance.allCases.map(\.rawValue)))
        #expect(words(.health, "probe") == Set(PoolSettingsEntry.Probe.allCases.map(\.rawValue)))
        #expect(words(.syslog, "facility") == Set(SyslogFacility.names.keys))
    }

    @Test("Each reference leads to a definition, and each definition is used")
    func references() {
        let used = Set(schema.all.compactMap(\.reference))
        #expect(used == Set((schema.definitions ?? [:]).keys.map { "#/$defs/\($0)" }))
    }
}
