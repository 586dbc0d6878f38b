// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the reader asks the file system.
enum FileAccess {
    static func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

    /// The bytes of a file of at most `limit` bytes; nil when it cannot be read or is larger.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        guard let stream = fopen(path, "rb") else { return nil }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = fread(&bytes, 1, limit + 1, stream)
        guard count <= limit, ferror(stream) == 0 else { return nil }
        return Array(bytes[..<count])
    }

    /// Why a file cannot be read, in words.
    static func reason(_ path: String) -> String {
        guard access(path, R_OK) != 0 else { return "it is larger than a configuration may be" }
        return String(cString: strerror(errno))
    }
}
