// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// What is read on demand agrees with itself and with the message.
struct AccessorCheck {
    let message: SIPMessage

    func run() {
        checkVias()
        var uris: [SIPURI] = message.requestURI.map { [$0] } ?? []
        for name in HeaderName.everyName {
            let values = message.nameAddresses(name)
            let fields = message.headers.filter { $0.name == name && name != .other }
            for value in values ?? [] {
                guard let field = fields.first(where: { value.range.lies(in: $0.value) }) else {
                    return claim(false, "a name-addr of \(name) lies elsewhere")
                }
                ShapeCheck(message: message).check(value, in: field.value)
                if let uri = message.uri(of: value) { uris.append(uri) }
            }
            checkRoutes(name, count: values?.count)
            for tag in message.optionTags(name) {
                claim(!tag.isEmpty && fields.contains { tag.lies(in: $0.value) }, "an option tag lies elsewhere")
            }
            if let number = message.number(name) { claim(!fields.isEmpty, "\(number) from an absent field") }
            _ = message.hasOption("100rel", in: name)
        }
        _ = message.firstContact
        for value in [message.topmostVia.received, message.topmostVia.branch, message.from.tag] {
            if let value { _ = message.address(value) }
        }
        compare(uris.prefix(8))
    }

    private func checkVias() {
        if let second = message.secondVia {
            claim(message.viaCount > 1, "a second of one Via value")
            claim(second.range.start > message.topmostVia.range.start, "the second Via stands above the first")
        }
        var readable = 0
        _ = message.containsVia { via in
            readable += 1
            return false
        }
        claim(readable >= 1 && readable <= message.viaCount, "\(readable) Via values of \(message.viaCount)")
        claim(message.foreignBranches().count <= readable, "more branches than Via values")
    }

    private func checkRoutes(_ name: HeaderName, count: Int?) {
        guard let routes = message.routeValues(name) else { return }
        claim(routes.count == count, "two readings of \(name) find different values")
        for route in routes {
            claim(route.range.lies(in: message.headers[route.field].value), "a route lies elsewhere")
            claim(route.uri.range.lies(in: route.range), "a route's URI lies elsewhere")
            _ = message.transport(of: route.uri)
        }
    }

    /// Equality goes both ways (RFC 3261 section 19.1.4 makes it no order, and it is not transitive).
    private func compare(_ uris: ArraySlice<SIPURI>) {
        for left in uris {
            for right in uris {
                let there = left.isEquivalent(in: message.bytes, to: right, in: message.bytes)
                let back = right.isEquivalent(in: message.bytes, to: left, in: message.bytes)
                claim(there == back, "URI equality goes one way only")
            }
        }
    }
}
