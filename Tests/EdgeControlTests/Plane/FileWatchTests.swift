// SPDX-License-Identifier: Apache-2.0

import Foundation
import SIPDNS
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Files that the configuration names, watched")
struct FileWatchTests {
    private static func stamp(_ number: Int) -> FileStamp {
        FileStamp(seconds: number, size: 10, node: 1)
    }

    private func look(_ watch: inout FileWatch, _ stamps: FileWatch.Stamps, reads isRead: Bool) {
        let outcome = watch.look(stamps)
        #expect(outcome == isRead, "\(stamps)")
    }

    @Test("TLS-09: what has changed is read once it stands still, and once only")
    func looks() {
        var watch = FileWatch(["a": Self.stamp(1), "b": Self.stamp(1)])
        look(&watch, ["a": Self.stamp(1), "b": Self.stamp(1)], reads: false)
        // The certificate first, its key at the next look.
        look(&watch, ["a": Self.stamp(2), "b": Self.stamp(1)], reads: false)
        look(&watch, ["a": Self.stamp(2), "b": Self.stamp(2)], reads: false)
        look(&watch, ["a": Self.stamp(2), "b": Self.stamp(2)], reads: true)
        look(&watch, ["a": Self.stamp(2), "b": Self.stamp(2)], reads: false)
        // Gone and back within a look is no change; gone for good is one.
        look(&watch, ["a": nil, "b": Self.stamp(2)], reads: false)
        look(&watch, ["a": Self.stamp(2), "b": Self.stamp(2)], reads: false)
        look(&watch, ["a": nil, "b": Self.stamp(2)], reads: false)
        look(&watch, ["a": nil, "b": Self.stamp(2)], reads: true)
    }

    @Test("TLS-09: other files than before have just been read")
    func others() {
        var watch = FileWatch(["a": Self.stamp(1)])
        look(&watch, ["c": Self.stamp(5)], reads: false)
        look(&watch, ["c": Self.stamp(5)], reads: false)
        look(&watch, ["c": Self.stamp(6)], reads: false)
        look(&watch, ["c": Self.stamp(6)], reads: true)
    }

    @Test("A file is known by what is in it and by where a link leads")
    func stamps() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("one", to: "a")
        let other = try directory.write("two", to: "b")
        let link = directory.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        let before = FileStamp(of: link)
        #expect(before == FileStamp(of: file) && before != nil)
        try FileManager.default.removeItem(atPath: link)
        #expect(FileStamp(of: link) == nil)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other)
        #expect(FileStamp(of: link) != before)
    }
}
