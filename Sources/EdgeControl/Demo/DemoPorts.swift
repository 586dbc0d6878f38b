// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix

/// Ports for the demonstration.
enum DemoPorts {
    /// `preferred` when TCP and UDP are free on it at 127.0.0.1, else one that the system chooses.
    static func free(preferring preferred: Int, on group: any EventLoopGroup) async throws -> Int {
        if try await isFree(preferred, on: group) { return preferred }
        for _ in 0..<16 {
            let probe = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
            let port = probe.localAddress?.port ?? 0
            try await probe.close()
            if port != 0, try await isFree(port, on: group) { return port }
        }
        throw DemoStage.Failure(description: "no free port on 127.0.0.1")
    }

    private static func isFree(_ port: Int, on group: any EventLoopGroup) async throws -> Bool {
        do {
            let stream = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: "127.0.0.1", port: port).get()
            defer { stream.close(promise: nil) }
            let datagrams = try await DatagramBootstrap(group: group).bind(host: "127.0.0.1", port: port).get()
            try await datagrams.close()
            try await stream.close()
            return true
        } catch is IOError {
            return false
        }
    }
}
