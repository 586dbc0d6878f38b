// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// A baresip that registers over TLS through the edge, with silence for a microphone and nobody listening.
final class Baresip: Sendable {
    let log: LogWatcher
    private let process: ChildProcess

    /// Starts it as `user` of `domain`; `commands` are given to it at once, such as `/dial sip:bob@example.test`.
    init(
        _ user: String,
        domain: String,
        through edge: EdgeText,
        commands: [String] = [],
        in directory: TemporaryDirectory
    ) throws {
        let folder = directory.file("baresip-\(user)")
        let config = """
            sip_listen 127.0.0.1:0
            sip_cafile \(edge.certificates.authority)
            sip_verify_server yes
            audio_source aubridge,\(user)
            audio_player aubridge,\(user)
            audio_alert aubridge,\(user)
            module_path /usr/lib/baresip/modules
            module stdio.so
            module g711.so
            module aubridge.so
            module_tmp uuid.so
            module_tmp account.so
            module_app menu.so

            """
        let account = """
            <sip:\(user)@\(domain);transport=tls>;outbound="sip:127.0.0.1:\(edge.port);transport=tls";sipnat=outbound\
            ;regint=60;answermode=auto;auth_pass=none

            """
        try directory.write(config, to: "baresip-\(user)/config")
        try directory.write(account, to: "baresip-\(user)/accounts")
        let orders = commands.flatMap { ["-e", $0] }
        process = try ChildProcess("baresip", ["-f", folder, "-t", "30"] + orders, in: directory, log: "\(user).log")
        log = process.log
    }

    @discardableResult
    func stop() async -> Int32 { await process.stop() }
}
