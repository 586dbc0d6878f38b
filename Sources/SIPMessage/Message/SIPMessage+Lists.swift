// SPDX-License-Identifier: Apache-2.0

/// The Via values below the topmost one, and lists of name-addr values.
extension SIPMessage {
    /// The Via value below the topmost one: where a response goes once the topmost is taken off (TRN-32); nil when
    /// there is none or it cannot be read.
    package var secondVia: Via? {
        withBytes { bytes in
            let field = headers[firstVia]
            if let next = topmostVia.nextValueStart {
                return ViaParser.parse(bytes, from: Int(next), to: field.value.end)
            }
            for field in headers[(firstVia + 1)...] where field.name == .via {
                return ViaParser.parse(bytes, from: field.value.start, to: field.value.end)
            }
            return nil
        }
    }

    /// Whether a Via value that can be read, the topmost one first, satisfies `predicate`; without allocating.
    package func containsVia(where predicate: (Via) -> Bool) -> Bool {
        withBytes { bytes in
            for field in headers where field.name == .via {
                var position = field.value.start
                while position < field.value.end, let via = ViaParser.parse(bytes, from: position, to: field.value.end)
                {
                    if predicate(via) { return true }
                    position = via.nextValueStart.map(Int.init) ?? field.value.end
                }
            }
            return false
        }
    }

    /// The values of every field of that name (Contact, Path, …) in order; nil when one of them cannot be read, as `*`
    /// cannot.
    package func nameAddresses(_ name: HeaderName) -> [NameAddress]? {
        guard has(name) else { return [] }
        return withBytes { bytes in
            var values: [NameAddress] = []
            for field in headers where field.name == name {
                var position = field.value.start
                while position < field.value.end {
                    guard
                        let value = NameAddressParser.parse(bytes, from: position, to: field.value.end, isList: true)
                    else { return nil }
                    values.append(value)
                    position = value.nextValueStart ?? field.value.end
                }
            }
            return values
        }
    }

    /// The value of the first field of a name, in lower case, that the parser does not tell apart; for logs.
    package func value(ofUnread name: StaticString) -> String? {
        headers.first { $0.name == .other && equals($0.nameRange, name) }.map { bytes.text($0.value) }
    }

    /// Whether the bytes of `range` are the option tag or token `text`, whose letters are lower case, in any case, for
    /// one of the values of that field.
    package func hasOption(_ tag: StaticString, in name: HeaderName) -> Bool {
        optionTags(name).contains { equals($0, tag) }
    }
}
