// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Testing

@Suite("The template of a request's log line")
struct RequestLineTests {
    @Test("Text and fields alternate as they are written")
    func parts() throws {
        let template = try RequestLineTemplate("{method} to={to}{from}!")
        #expect(template.parts == [.field(.method), .text(" to="), .field(.to), .field(.from), .text("!")])
        #expect(try RequestLineTemplate("no field }").parts == [.text("no field }")])
        #expect(try RequestLineTemplate("").parts == [])
    }

    @Test("Each field is written by its name in braces", arguments: RequestLineTemplate.Field.allCases)
    func fields(field: RequestLineTemplate.Field) throws {
        #expect(try RequestLineTemplate("{\(field.rawValue)}").parts == [.field(field)])
    }

    @Test("What is no template is told by its kind")
    func malformed() {
        #expect(throws: RequestLineTemplate.Malformed.unknownField("Method")) { try RequestLineTemplate("{Method}") }
        #expect(throws: RequestLineTemplate.Malformed.unknownField("")) { try RequestLineTemplate("a {} b") }
        #expect(throws: RequestLineTemplate.Malformed.unknownField("a {method")) {
            try RequestLineTemplate("{a {method}")
        }
        #expect(throws: RequestLineTemplate.Malformed.openBrace) { try RequestLineTemplate("{method} {status") }
        #expect(throws: RequestLineTemplate.Malformed.controlCharacter) { try RequestLineTemplate("{method}\n") }
        #expect(throws: RequestLineTemplate.Malformed.controlCharacter) { try RequestLineTemplate("\u{7F}") }
    }

    @Test("Without a word about it the standard line is written, with or without the section")
    func standard() throws {
        let standard = try RequestLineTemplate(RequestLineTemplate.standard)
        for sections in ["", "logging: { level: debug }"] {
            let outcome = ConfigurationOutcome.of(MinimalText.with(sections: sections))
            #expect(outcome.configuration?.logging.requestLine == standard)
        }
    }

    @Test("The line can be turned off", arguments: ["off", "\"off\"", "false"])
    func off(word: String) throws {
        let outcome = ConfigurationOutcome.of(MinimalText.with(sections: "logging: { request_line: \(word) }"))
        #expect(try #require(outcome.configuration).logging.requestLine == nil)
    }
}
