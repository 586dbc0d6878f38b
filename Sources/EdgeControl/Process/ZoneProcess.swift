// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage
internal import UnixSignals

/// The zone server as a process, until SIGTERM or SIGINT; SIGHUP is not needed, changed files are seen.
package enum ZoneProcess {
    package struct Options: Sendable {
        package var files: [String]
        /// Address and port.
        package var listen: String
        package var showsQueries = false
        package var delayMilliseconds = 0
        package var dropShare = 0.0
        package var failureShare = 0.0
        package var ttl: UInt32?

        package init(files: [String], listen: String) {
            self.files = files
            self.listen = listen
        }
    }

    /// What cannot be listened on.
    package struct BadAddress: Error, CustomStringConvertible {
        package let description: String
    }

    /// Everything that is wrong or doubtful in the zone files, in their order.
    package static func check(_ files: [String]) -> [ZoneReport] {
        ZoneChecker.findings(in: files).map { finding in
            ZoneReport(
                file: finding.file,
                line: finding.line,
                severity: finding.severity.rawValue,
                message: finding.message,
                advice: finding.advice,
                text: finding.description
            )
        }
    }

    package static func serve(_ options: Options, say: @escaping @Sendable (String) -> Void) async throws {
        guard let endpoint = Endpoint(parsing: "udp:\(options.listen)") else {
            let example = "such as 127.0.0.1:5353 or [::1]:5353"
            throw BadAddress(description: "--listen: '\(options.listen)' is no address and port, \(example)")
        }
        var trouble = ZoneTrouble()
        trouble.delay = .milliseconds(Int64(options.delayMilliseconds))
        trouble.dropShare = options.dropShare
        trouble.failureShare = options.failureShare
        trouble.ttl = options.ttl
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let showsQueries = options.showsQueries
        do {
            let server = try await ZoneServer.start(
                options.files.map { .file($0) },
                address: endpoint.address,
                port: endpoint.port,
                loop: group.next(),
                trouble: trouble
            ) { event in
                if case .asked = event, !showsQueries { return }
                say(event.description)
            }
            let host = server.address.hostText
            say("answering on \(host):\(server.port), UDP and TCP")
            for await _ in signals { break }
            let statistics = try await server.statistics()
            await server.stop()
            say("\(statistics.queries) queries, \(statistics.dropped) dropped on purpose")
        } catch {
            try? await group.shutdownGracefully()
            guard error is IOError else { throw error }
            throw BadAddress(description: "--listen: cannot bind \(options.listen): \(BindAdvice.words(for: error))")
        }
        try await group.shutdownGracefully()
    }
}

/// One finding of `brana zone check`.
package struct ZoneReport: Codable, Sendable {
    package let file: String
    /// Counted from 1; 0 for the file as a whole.
    package let line: Int
    /// `error` or `warning`.
    package let severity: String
    package let message: String
    /// What to publish instead.
    package let advice: String?
    /// All of it as one line.
    package let text: String
}
