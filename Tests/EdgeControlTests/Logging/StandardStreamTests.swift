// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Writing to standard error never ends the process", .timeLimit(.minutes(1)))
struct StandardStreamTests {
    init() {
        StandardStream.prepare()
    }

    @Test("A text arrives whole, also where a write takes only a part of it")
    func whole() async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (from, to) = (ends[0], ends[1])
        #expect(fcntl(to, F_SETFL, O_NONBLOCK) == 0)
        let text = String(repeating: "line of the log č\n", count: 20_000)
        let reading = Task.detached { FileHandle(fileDescriptor: from, closeOnDealloc: true).readDataToEndOfFile() }
        StandardStream.write(text, to: to, patience: 10_000)
        close(to)
        #expect(String(decoding: await reading.value, as: UTF8.self) == text)
    }

    @Test("A pipe whose reader has gone costs the text and no more")
    func brokenPipe() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        StandardStream.write("nobody reads this\n", to: ends[1])
        #expect(errno == EPIPE)
        close(ends[1])
    }

    @Test("A full disk costs the text and no more")
    func fullDisk() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        StandardStream.write("no room for this\n", to: full)
        #expect(errno == ENOSPC)
        close(full)
    }

    @Test("A pipe that nobody empties is given up after a moment")
    func stuckPipe() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        #expect(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0)
        StandardStream.write(String(repeating: "x", count: 1 << 20), to: ends[1])
        close(ends[0])
        close(ends[1])
    }
}
