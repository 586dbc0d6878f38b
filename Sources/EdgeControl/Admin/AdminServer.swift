// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import Foundation
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import SIPMessage
internal import Telemetry

/// The admin API over a Unix socket, and over loopback TCP when configured.
struct AdminServer: Sendable {
    let plane: ControlPlane
    let settings: AdminSettings
    let logger: Logger

    /// An address could not be served.
    struct BindFailure: Error, CustomStringConvertible {
        /// The key below `admin` that names it.
        let key: String
        let address: String
        let reason: String

        var description: String { "admin.\(key): cannot serve \(address): \(reason)" }
    }

    /// Opens the socket, and the loopback port when configured, and serves them in the task that comes back, until it is
    /// cancelled.
    ///
    /// - Throws: `BindFailure` when one of them cannot be opened.
    func start() async throws -> Task<Void, any Error> {
        let (opened, continuation) = AsyncStream.makeStream(of: Void.self)
        let serving = Task {
            defer { continuation.finish() }
            try await run { continuation.yield() }
        }
        var missing = settings.http == nil ? 1 : 2
        for await _ in opened {
            missing -= 1
            if missing == 0 { return serving }
        }
        try await serving.value
        throw CancellationError()
    }

    /// Serves until the task is cancelled; `onOpen` is told of each address when it is open.
    func run(onOpen: @escaping @Sendable () -> Void = {}) async throws {
        try prepareSocket()
        let responder = makeRouter().buildResponder()
        var quiet = logger
        quiet.logLevel = .critical
        let logger = quiet
        let socket = settings.socket
        var addresses = [Address(key: "socket", text: socket, bind: .unixDomainSocket(path: socket))]
        if let http = settings.http {
            let bind = BindAddress.hostname("\(http.address)", port: Int(http.port))
            addresses.append(Address(key: "http", text: "\(http.address.hostText):\(http.port)", bind: bind))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in addresses {
                group.addTask {
                    let application = Application(
                        responder: responder,
                        configuration: .init(address: address.bind, serverName: nil),
                        onServerRunning: { _ in
                            if address.key == "socket" { _ = chmod(socket, 0o660) }
                            onOpen()
                        },
                        logger: logger
                    )
                    do {
                        try await application.runService(gracefulShutdownSignals: [])
                    } catch {
                        throw address.failure(BindAdvice.words(for: error))
                    }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private struct Address: Sendable {
        let key: String
        let text: String
        let bind: BindAddress

        func failure(_ reason: String) -> BindFailure { BindFailure(key: key, address: text, reason: reason) }
    }

    /// The socket of a process that ended badly is in the way of the next one; one that answers is not removed.
    private func prepareSocket() throws(BindFailure) {
        let folder = (settings.socket as NSString).deletingLastPathComponent
        func failure(_ reason: String) -> BindFailure {
            BindFailure(key: "socket", address: settings.socket, reason: reason)
        }
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw failure("its folder cannot be made; make \(folder) for the service's user, or choose another")
        }
        guard FileManager.default.fileExists(atPath: settings.socket) else { return }
        guard !UnixStream.accepts(settings.socket) else {
            throw failure("another process serves it; stop that one or choose another socket")
        }
        do {
            try FileManager.default.removeItem(atPath: settings.socket)
        } catch {
            throw failure("something stands in its place that cannot be removed; remove it or choose another socket")
        }
    }

    private func makeRouter() -> Router<BasicRequestContext> {
        let router = Router()
        let plane = plane
        router.get("healthz") { _, _ in Self.text(.ok, "ok\n") }
        router.get("readyz") { _, _ in
            await plane.isReady() ? Self.text(.ok, "ready\n") : Self.text(.serviceUnavailable, "not ready\n")
        }
        router.get("metrics") { _, _ in
            Self.text(.ok, try await plane.metrics(), type: PrometheusText.contentType)
        }
        router.get("/") { _, _ in Self.text(.ok, Dashboard.page, type: "text/html; charset=utf-8") }
        router.get("api/v1/status") { _, _ in try Self.json(await plane.status()) }
        router.get("api/v1/pools") { _, _ in try Self.json(await plane.poolReports()) }
        addQuestions(to: router)
        router.post("api/v1/reload") { _, _ in
            let report = await plane.reload()
            return try Self.json(report, status: report.succeeded ? .ok : .conflict)
        }
        router.post("api/v1/backends/{id}/{verb}") { _, context in
            let name = try context.parameters.require("id").removingPercentEncoding ?? ""
            guard let verb = BackendVerb(rawValue: try context.parameters.require("verb")) else {
                return Self.text(.notFound, "no such verb\n")
            }
            switch await plane.carryOut(verb, backend: name) {
            case .done(let id, let state): return Self.text(.ok, "\(id): \(state.rawValue)\n")
            case .refused(let problem): return Self.text(.conflict, "\(problem)\n")
            case .unknown(let problem): return Self.text(.notFound, "\(problem)\n")
            }
        }
        return router
    }

    /// What is asked with a query.
    private func addQuestions(to router: Router<BasicRequestContext>) {
        let plane = plane
        router.get("api/v1/explain") { request, _ in
            guard let callID = request.uri.queryParameters.get("call_id"), !callID.isEmpty else {
                return Self.text(.badRequest, "say which call: /api/v1/explain?call_id=..., percent-encoded\n")
            }
            let report = try await plane.explain(callID: String(callID))
            return try Self.json(report, status: report.problem == nil ? .ok : .notFound)
        }
        router.get("api/v1/dns") { request, _ in
            guard let limit = Self.limit(of: request, standard: DNSReport.standardLimit) else { return Self.badLimit }
            return try Self.json(try await plane.dnsReport(limit: limit))
        }
        router.get("api/v1/sources") { request, _ in
            guard let limit = Self.limit(of: request, standard: SourcesReport.standardLimit) else {
                return Self.badLimit
            }
            return try Self.json(try await plane.sourcesReport(limit: limit))
        }
        router.get("api/v1/flows") { request, _ in
            guard let limit = Self.limit(of: request, standard: FlowsReport.standardLimit) else { return Self.badLimit }
            return try Self.json(try await plane.flowsReport(limit: limit))
        }
    }

    /// How many entries a list may have; nil when what was asked for is no such number.
    private static func limit(of request: Request, standard: Int) -> Int? {
        guard let text = request.uri.queryParameters.get("limit") else { return standard }
        return Int(text).flatMap { $0 >= 0 ? $0 : nil }
    }

    private static var badLimit: Response { text(.badRequest, "limit is the largest number of entries, 0 or more\n") }

    private static func text(
        _ status: HTTPResponse.Status,
        _ text: String,
        type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }

    private static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let data = try JSONText.encode(value)
        return text(status, data, type: "application/json")
    }
}

/// JSON as the API and the commands write it: snake_case keys in a fixed order.
package enum JSONText {
    package static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(text.utf8))
    }
}
