// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

extension SystemTests {
    @Suite("Bad input: one line that says where and what to do, status 1, and what runs goes on")
    struct BadInputTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("An edge refuses to start with it, and check knows it where it can", arguments: BadInput.all)
        func start(input: BadInput) async throws {
            let taken = try await Taken.open(in: directory)
            var scene = try scene(taken.port, backend: 19, level: "error")
            // Nobody is there, of which the log would tell too.
            scene.edge.pool = ["health: { probe: none }"]
            try input.spoil(&scene)
            let text = scene.text(socket: directory.file("edge.sock"))
            let file = scene.exists ? try directory.write(text, to: "edge.yaml") : directory.file("edge.yaml")
            let place = try scene.place(in: text, file: file)
            for command in [BadInput.Command.run, .check] {
                let result = try await Brana.command([command.rawValue, "--config", file], in: directory)
                if command == .check, !input.isKnownToCheck {
                    #expect(result.status == 0 && result.output == "\(file): ok\n", "\(result.output)")
                    continue
                }
                #expect(result.status == 1)
                try expectOneLine(result.output, at: place, input.words(for: command))
            }
            try await taken.close()
        }

        @Test("A reload refuses it, and the generation that runs serves on", arguments: BadInput.all)
        func reload(input: BadInput) async throws {
            let taken = try await Taken.open(in: directory)
            let backends = try await Caller.backends(1)
            let sound = try scene(taken.port, backend: backends[0].port, level: "info")
            let brana = try await Brana.run(sound.edge.text, in: directory)
            try directory.write(sound.text(socket: brana.socket), to: "edge.yaml")
            #expect(try await brana.ask("reload").status == 0)
            let load = OptionsLoad(edge: sound.edge, domain: "voice.example.test")
            #expect(try await load.send(1) == .init(servers: ["b1": 1]))

            var scene = sound
            try input.spoil(&scene)
            let text = scene.text(socket: brana.socket)
            if scene.exists {
                try directory.write(text, to: "edge.yaml")
            } else {
                try FileManager.default.removeItem(atPath: brana.configuration)
            }
            let place = try scene.place(in: text, file: brana.configuration)
            let refused = try await brana.ask("reload")
            #expect(refused.status == 1)
            let closing = "refused; the running configuration stays\n"
            #expect(refused.output.hasSuffix(closing), "\(refused.output)")
            try expectOneLine(String(refused.output.dropLast(closing.count)), at: place, input.words(for: .reload))
            brana.process.signal(SIGHUP)
            try await brana.process.log.wait(for: "error brana: reload refused", times: 2)
            let line = brana.process.log.text.split(separator: "\n").last { $0.contains("reload refused") }
            #expect(line?.contains(place) == true, "\(line ?? "")")

            #expect(try await load.send(1) == .init(servers: ["b1": 1]))
            let status = try await brana.status()
            #expect(status.reloads.succeeded == 1 && status.reloads.failed == 2 && status.listeners.count == 2)
            #expect(await brana.stop() == 0)
            await backends[0].stop()
            try await taken.close()
        }

        private func scene(_ takenPort: Int, backend: Int, level: String) throws -> BadInput.Scene {
            var edge = try EdgeText(target: "127.0.0.1:\(backend);transport=tcp")
            edge.rest = "logging: { level: \(level) }"
            // Where the backends' own requests come in; without one check warns.
            let inner = try FreePort.next()
            edge.listeners = ["{ name: inner, address: \"127.0.0.1:\(inner)\", transport: tcp, role: inner }"]
            return BadInput.Scene(edge: edge, directory: directory, takenPort: takenPort)
        }

        private func expectOneLine(_ output: String, at place: String, _ words: [String]) throws {
            #expect(output.hasPrefix(place), "\(output)")
            #expect(output.hasSuffix("\n") && output.filter { $0 == "\n" }.count == 1, "\(output)")
            for word in words { #expect(output.contains(word), "\(word) in: \(output)") }
        }
    }
}

/// A port and a socket that somebody listens on.
private struct Taken {
    private let channels: [any Channel]
    let port: Int

    static func open(in directory: TemporaryDirectory) async throws -> Taken {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        let port = try FreePort.next()
        let stream = try await bootstrap.bind(host: "127.0.0.1", port: port).get()
        let socket = try await bootstrap.bind(unixDomainSocketPath: directory.file("taken.sock")).get()
        return Taken(channels: [stream, socket], port: port)
    }

    func close() async throws {
        for channel in channels { try await channel.close() }
    }
}
