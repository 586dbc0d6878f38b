// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Routes.
extension SectionReader {
    func readRoutes(into configuration: inout Configuration) {
        let nodes = file.entries("routes")
        for node in nodes {
            if let route = readRoute(node) { configuration.routes.append(route) }
        }
        let routes = configuration.routes
        guard routes.count == nodes.count, let last = nodes.last else { return }
        guard let taking = routes.firstIndex(where: \.takesAll) else {
            return reader.warn(
                last,
                "requests that no route takes are answered 404; a last route without 'when' takes them"
            )
        }
        for node in nodes[(taking + 1)...] {
            reader.warn(node, "no request comes to this route: one before it has no 'when' and takes all")
        }
    }

    private func readRoute(_ node: Node) -> RouteSettings? {
        guard let values = reader.mapping(node, "routes", .route) else { return nil }
        let action = readAction(values)
        var route = RouteSettings(action: action ?? .reject(status: 403, reason: ""))
        var isWhole = true
        if let when = values["when"] {
            let before = reader.errorCount
            readConditions(when, into: &route)
            isWhole = reader.errorCount == before
        }
        return action != nil && isWhole ? route : nil
    }

    private func readConditions(_ node: Node, into route: inout RouteSettings) {
        guard let conditions = reader.mapping(node, "routes.when", .condition) else { return }
        for (node, text) in conditions.strings("methods") {
            if !text.utf8.allSatisfy(Self.isToken) {
                reader.error(node, "'\(text)' is no SIP method")
            } else if text != text.uppercased() {
                reader.warn(node, "methods are told apart by case, and '\(text)' has lower-case letters")
            }
            route.methods.append(text)
        }
        route.domains = conditions.hosts("domains")
        route.peers = conditions.hosts("peers")
        for (node, text) in conditions.strings("listeners") {
            if !names.listeners.contains(text) {
                reader.error(node, "there is no listener '\(text)'\(suggestion(text, names.listeners))")
            }
            route.listeners.append(text)
        }
        route.sources = networks(conditions, "sources")
    }

    private func readAction(_ values: MappingReader) -> RouteSettings.Action? {
        guard values["pool"] != nil else {
            guard let node = values["reject"] else {
                reader.error(values.node, "a route needs 'pool' or 'reject'")
                return nil
            }
            return readRejection(node)
        }
        if values["reject"] != nil { reader.error(values["reject"], "a route has a pool or a rejection, not both") }
        guard let pool = values.string("pool") else { return nil }
        if !names.pools.contains(pool) {
            reader.error(values["pool"], "there is no pool '\(pool)'\(suggestion(pool, names.pools))")
        }
        return .pool(pool)
    }

    private func readRejection(_ node: Node) -> RouteSettings.Action? {
        guard let reject = reader.mapping(node, "routes.reject", .rejection) else { return nil }
        var status = 403
        reject.integer("status", in: 400...699, &status)
        let reason = reject.string("reason") ?? Self.reason(status)
        if !reason.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            reader.error(reject["reason"], "a reason phrase has printable ASCII characters only")
        }
        return .reject(status: UInt16(truncatingIfNeeded: status), reason: reason)
    }

    /// The reason phrase of a status (RFC 3261 section 21), for those that an edge would answer with.
    private static func reason(_ status: Int) -> String {
        switch status {
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 410: "Gone"
        case 480: "Temporarily Unavailable"
        case 486: "Busy Here"
        case 488: "Not Acceptable Here"
        case 500: "Server Internal Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 600: "Busy Everywhere"
        case 603: "Decline"
        case 604: "Does Not Exist Anywhere"
        default: "Rejected"
        }
    }

    /// A character of a token (RFC 3261 section 25.1).
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-.!%*_+`'~".utf8.contains(byte)
        }
    }

    static func network(_ text: String) -> RouteSettings.Network? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let address = IPAddress(parsing: first) else { return nil }
        let longest: UInt8 = address.isIPv6 ? 128 : 32
        guard parts.count == 2 else { return .init(address: address, prefixLength: longest) }
        guard let length = MappingReader.count(parts[1]).flatMap({ UInt8(exactly: $0) }), length <= longest else {
            return nil
        }
        return .init(address: address, prefixLength: length)
    }
}

extension RouteSettings {
    /// Whether the route has no condition.
    var takesAll: Bool {
        methods.isEmpty && domains.isEmpty && listeners.isEmpty && sources.isEmpty && peers.isEmpty
    }
}
