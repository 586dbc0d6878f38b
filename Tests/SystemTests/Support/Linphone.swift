// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A linphonec that registers over TLS through the edge and takes every call, on a machine without sound.
final class Linphone: Sendable {
    /// What it says when it has registered, and when a call stands.
    static let registered = "to [LinphoneRegistrationOk]"
    static let isInCall = "to LinphoneCallStreamsRunning"

    let log: LogWatcher
    private let process: ChildProcess
    private let orders: String

    /// Starts it as `user` of `domain`.
    init(_ user: String, domain: String, through edge: EdgeText, in directory: TemporaryDirectory) throws {
        let server = "sip:127.0.0.1:\(edge.port);transport=tls"
        let settings = """
            [sip]
            sip_port=-1
            sip_tcp_port=-1
            sip_tls_port=-1
            root_ca=\(edge.certificates.authority)
            verify_server_certs=1
            # Its account names an address, the certificate a host.
            verify_server_cn=0
            use_ipv6=0
            default_proxy=0
            [net]
            mtu=0
            [proxy_0]
            reg_proxy=<\(server)>
            reg_route=<\(server);lr>
            reg_identity=sip:\(user)@\(domain)
            reg_expires=60
            reg_sendregister=1
            publish=0

            """
        let file = try directory.write(settings, to: "linphone-\(user).rc")
        orders = try directory.write("", to: "linphone-\(user).orders")
        // It makes its database only in a folder that is there.
        try directory.write("", to: ".local/share/linphone/empty")
        let run = "exec linphonec -a -c \(file) -d 3 < <(exec tail -n +1 -s 0.1 --pid=$$ -f \(orders))"
        process = try ChildProcess(
            "bash",
            ["-c", run],
            in: directory,
            log: "\(user).log",
            environment: ["HOME": directory.path]
        )
        log = process.log
    }

    /// Gives it a command, such as `call sip:bob@example.test`.
    func order(_ command: String) throws {
        guard let file = FileHandle(forWritingAtPath: orders) else { throw TestSupportError("cannot write \(orders)") }
        try file.seekToEnd()
        try file.write(contentsOf: Data("\(command)\n".utf8))
        try file.close()
    }

    @discardableResult
    func stop() async -> Int32 {
        process.signalAll(SIGKILL)
        return await process.stop()
    }
}
