// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation

/// Files of the repository, found from where this source file stands.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    static func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: root.appendingPathComponent(name)), as: UTF8.self)
    }

    /// The paths of the YAML files in a folder, from the root, in order.
    static func yamlFiles(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(folder)/\($0)" }
    }
}

extension ConfigurationOutcome {
    /// Reads a text as the file `test.yaml`, whatever files it names.
    static func of(_ text: String) -> ConfigurationOutcome {
        ConfigurationLoader.read(text, file: "test.yaml", folder: "/etc/brana", checksFiles: false)
    }

    /// The problems as `line:column: message`.
    var lines: [String] {
        problems.map { problem in
            let kind = problem.severity == .warning ? "warning: " : ""
            return "\(problem.line):\(problem.column): \(kind)\(problem.message)"
        }
    }
}
