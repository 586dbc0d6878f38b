// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import Foundation
import Logging
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Syslog over the local socket (RFC 5424)")
struct SyslogTests {
    @Test("The line has priority, version, time, host, name, process and text in the order of section 6")
    func format() {
        var settings = LoggingSettings.Syslog()
        settings.facility = "local3"
        settings.appName = "edge1"
        let line = SyslogSink.message(
            settings,
            level: .warning,
            label: "brana",
            text: "pool changed pool=voice",
            host: "host.example.test",
            now: Date(timeIntervalSince1970: 1_700_000_000)
        )
        let process = ProcessInfo.processInfo.processIdentifier
        #expect(
            line
                == "<156>1 2023-11-14T22:13:20.000Z host.example.test edge1 \(process) brana - pool changed pool=voice"
        )
    }

    @Test("Lines arrive at the daemon's socket, and again after it was away")
    func delivery() async throws {
        let directory = try TemporaryDirectory()
        var settings = LoggingSettings()
        settings.stderr = false
        settings.syslog = LoggingSettings.Syslog()
        settings.syslog?.socket = directory.file("log")
        let log = EdgeLog(settings)
        log.logger.info("nobody hears this")
        let daemon = try SyslogDaemon(directory.file("log"))
        log.logger.info("first", metadata: ["pool": "voice"])
        #expect(daemon.next()?.hasSuffix(" brana - first pool=voice") == true)
        daemon.close()
        log.logger.info("lost")
        let again = try SyslogDaemon(directory.file("log"))
        log.logger.info("second")
        #expect(again.next()?.hasSuffix(" brana - second") == true)
        again.close()
    }

    @Test("A log that goes nowhere is a log too")
    func nowhere() {
        var settings = LoggingSettings()
        settings.stderr = false
        let log = EdgeLog(settings)
        log.logger.critical("into the void")
        log.use(level: "trace")
        #expect(log.logger.logLevel == .trace)
    }

    @Test("The level is that of the configuration, and a reload may change it in every copy of the logger")
    func level() throws {
        let directory = try TemporaryDirectory()
        let daemon = try SyslogDaemon(directory.file("log"))
        var settings = LoggingSettings()
        settings.stderr = false
        settings.level = "warning"
        settings.syslog = LoggingSettings.Syslog()
        settings.syslog?.socket = directory.file("log")
        let log = EdgeLog(settings)
        let copy = log.logger
        copy.info("quiet")
        log.use(level: "debug")
        copy.debug("heard")
        #expect(daemon.next()?.hasSuffix("heard") == true)
        daemon.close()
    }
}

/// The receiving end of a syslog socket.
private struct SyslogDaemon {
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        self.path = path
        unlink(path)
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let bound = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw TestSupportError("cannot bind \(path)") }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next datagram; nil when none comes within two seconds.
    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    func close() {
        Glibc.close(descriptor)
        unlink(path)
    }
}
