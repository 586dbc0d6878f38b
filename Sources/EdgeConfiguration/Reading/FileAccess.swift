// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the reader asks the file system.
enum FileAccess {
    /// Why a file cannot be read, in words.
    struct Failure: Error {
        let reason: String
    }

    static func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }

    /// The bytes of a file of at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        guard let stream = fopen(path, "rb") else { throw Failure(reason: String(cString: strerror(errno))) }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = fread(&bytes, 1, limit + 1, stream)
        guard ferror(stream) == 0 else { throw Failure(reason: String(cString: strerror(errno))) }
        guard count <= limit else {
            throw Failure(reason: "it is larger than a configuration may be (\(limit) bytes)")
        }
        return Array(bytes[..<count])
    }
}
