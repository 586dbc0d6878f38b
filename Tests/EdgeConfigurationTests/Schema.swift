// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation

/// What the tests look at in a JSON Schema.
final class Schema: Decodable {
    /// A value of JSON, as a configuration would have it.
    enum Value: Decodable, Hashable {
        case flag(Bool)
        case number(Int)
        case text(String)
        case list([String])
        case empty

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let list = try? container.decode([String].self) {
                self = .list(list)
            } else {
                _ = try container.decode([String: String].self)
                self = .empty
            }
        }

        var yaml: String {
            switch self {
            case .flag(let flag): "\(flag)"
            case .number(let number): "\(number)"
            case .text(let text): text
            case .list(let list): "[\(list.joined(separator: ", "))]"
            case .empty: "{}"
            }
        }
    }

    /// `false`, or the schema of every other key.
    enum Rest: Decodable {
        case refused
        case like(Schema)

        init(from decoder: any Decoder) throws {
            if let flag = try? decoder.singleValueContainer().decode(Bool.self), !flag {
                self = .refused
            } else {
                self = .like(try Schema(from: decoder))
            }
        }
    }

    private enum CodingKeys: String, CodingKey {
        case properties, items, anyOf, required, minimum, maximum, description
        case rest = "additionalProperties"
        case standard = "default"
        case words = "enum"
        case reference = "$ref"
        case definitions = "$defs"
    }

    let properties: [String: Schema]?
    let items: Schema?
    let anyOf: [Schema]?
    let required: [String]?
    let minimum: Int?
    let maximum: Int?
    let description: String?
    let rest: Rest?
    let standard: Value?
    let words: [String]?
    let reference: String?
    let definitions: [String: Schema]?

    static func load() throws -> Schema {
        try JSONDecoder().decode(Schema.self, from: Data(Repository.text("config/brana.schema.json").utf8))
    }

    /// The schema of the mapping that stands at a section's place.
    func at(_ section: ConfigurationSection) -> Schema? {
        var schema: Schema? = self
        for part in section.rawValue.split(separator: ".") {
            if part == "*" {
                guard case .like(let named) = schema?.rest else { return nil }
                schema = named
            } else if part.hasSuffix("[]") {
                schema = schema?.properties?[String(part.dropLast(2))]?.items
            } else {
                schema = schema?.properties?[String(part)]
            }
            if let choices = schema?.anyOf { schema = choices.first { $0.properties != nil } }
        }
        return schema
    }

    /// Every schema in this one, itself first.
    var all: [Schema] {
        var parts = Array(properties ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        parts += (anyOf ?? []) + [items].compactMap(\.self) + (definitions ?? [:]).values
        if case .like(let schema) = rest { parts.append(schema) }
        return [self] + parts.flatMap(\.all)
    }
}
