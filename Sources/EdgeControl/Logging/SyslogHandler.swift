// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Foundation
package import Logging
internal import NIOConcurrencyHelpers

/// Sends log lines to the local syslog socket in the form of RFC 5424.
///
/// A datagram that cannot be sent is lost, not waited for: a syslog daemon that stands still must not stop calls.
package struct SyslogHandler: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata = Logger.Metadata()
    private let label: String
    private let sink: SyslogSink

    init(label: String, sink: SyslogSink) {
        self.label = label
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        sink.send(level: event.level, label: label, text: LogText.line(event.message, all))
    }
}

/// The socket behind the handlers, shared by all of them.
final class SyslogSink: Sendable {
    private let settings: LoggingSettings.Syslog
    private let socket: NIOLockedValueBox<Int32> = NIOLockedValueBox(-1)
    private let host = ProcessInfo.processInfo.hostName

    init(_ settings: LoggingSettings.Syslog) {
        self.settings = settings
    }

    func send(level: Logger.Level, label: String, text: String) {
        let line = Self.message(settings, level: level, label: label, text: text, host: host, now: Date())
        socket.withLockedValue { descriptor in
            if descriptor < 0 { descriptor = UnixDatagram.connect(to: settings.socket) }
            if descriptor >= 0, !UnixDatagram.send(line, on: descriptor) {
                close(descriptor)
                descriptor = -1
            }
        }
    }

    /// `<PRI>1 TIMESTAMP HOST APP PID MSGID - TEXT` (RFC 5424 section 6).
    static func message(
        _ settings: LoggingSettings.Syslog,
        level: Logger.Level,
        label: String,
        text: String,
        host: String,
        now: Date
    ) -> String {
        let facility = SyslogFacility.names[settings.facility] ?? 16
        let stamp = now.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted)
        )
        let pid = ProcessInfo.processInfo.processIdentifier
        return "<\(facility * 8 + severity(level))>1 \(stamp) \(host) \(settings.appName) \(pid) \(label) - \(text)"
    }

    private static func severity(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}

/// Datagrams to a Unix socket.
enum UnixDatagram {
    /// A non-blocking socket connected to `path`; -1 when there is nobody.
    static func connect(to path: String) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < capacity else {
            close(descriptor)
            return -1
        }
        // A leading @ stands for the abstract namespace, as service managers write it.
        if bytes.first == 0x40 { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (bytes.first == 0 ? 0 : 1))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) }
        }
        guard result == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    /// Sends one datagram; false when the receiver is gone.
    ///
    /// A full socket loses it.
    static func send(_ text: String, on descriptor: Int32) -> Bool {
        let bytes = Array(text.utf8.prefix(8192))
        let sent = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return sent >= 0 || errno == EAGAIN || errno == ENOBUFS
    }
}
