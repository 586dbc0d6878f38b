// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Testing

/// The choice by server name, and its extension as a stranger may send it.
@Suite("Server names (RFC 6066 section 3)")
struct ServerNameSelectorTests {
    @Test(
        "Exact before wildcard, one label only, in any case, the first of equal names",
        arguments: [
            ("a.example", 0), ("A.EXAMPLE.", 0), ("b.example", 1), ("x.a.example", nil), ("example", nil), ("", nil),
            (".example", nil), ("xn--bcher-kva.test", 3),
        ] as [(String, Int?)]
    )
    func selection(name: String, value: Int?) {
        let selector = ServerNameSelector([
            ("a.example", 0), ("*.Example", 1), ("a.example", 2), ("bücher.test", 3), ("*.example.", 4),
        ])
        #expect(selector.value(for: Array(name.utf8)) == value)
    }

    private func hostName(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.withUnsafeBytes { ServerNameExtension.hostName(in: $0).map(Array.init) }
    }

    @Test("A well-formed extension gives its name")
    func wellFormed() {
        #expect(self.hostName([0, 6, 0, 0, 3, 0x61, 0x2E, 0x62]) == Array("a.b".utf8))
    }

    @Test(
        "A cut, padded, empty or foreign extension gives none",
        arguments: [
            [], [0], [0, 0], [0, 3, 0, 0, 0], [0, 6, 0, 0, 3, 0x61], [0, 6, 1, 0, 3, 0x61, 0x2E, 0x62],
            [0, 6, 0, 0, 4, 0x61, 0x2E, 0x62], [0, 7, 0, 0, 3, 0x61, 0x2E, 0x62], [0xFF, 0xFF, 0, 0xFF, 0xFF, 1],
        ] as [[UInt8]]
    )
    func malformed(bytes: [UInt8]) {
        #expect(self.hostName(bytes) == nil)
    }
}
