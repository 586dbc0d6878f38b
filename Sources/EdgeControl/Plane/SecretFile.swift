// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

/// A file that holds the bytes of a secret.
enum SecretFile {
    /// More than any key needs.
    static let lengthLimit = 4096

    /// The first bytes of the file; nil when it cannot be read.
    static func bytes(of path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { Array($0.prefix(lengthLimit)) }
    }

    /// Whether everybody on the machine may read it.
    static func isReadableByAll(_ path: String) -> Bool {
        let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        guard let mode = attributes?[.posixPermissions] as? NSNumber else { return false }
        return mode.uint32Value & 0o004 != 0
    }

    /// Puts these bytes into a new file that its owner alone can read, whole or not at all; a file that is there already
    /// stays as it is.
    ///
    /// - Returns: what the system said against it; nil when the file is there.
    static func make(_ path: String, of bytes: [UInt8]) -> String? {
        var template = Array("\(path).XXXXXX".utf8CString)
        // Of mode 0600.
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return reason(errno) }
        defer { unlink(template) }
        let written = write(descriptor, bytes, bytes.count)
        let failure = written == bytes.count && fsync(descriptor) == 0 ? nil : reason(written < 0 ? errno : ENOSPC)
        close(descriptor)
        if let failure { return failure }
        // Unlike rename(2) this never replaces the key that another process has just made.
        guard link(template, path) == 0 || errno == EEXIST else { return reason(errno) }
        return nil
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
