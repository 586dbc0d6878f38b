// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The secrets of connections in a file of the format that Wireshark reads, for finding out what a capture holds.
///
/// Whoever has the file can read all traffic, so it is readable by its owner only, and no configuration can turn it on.
package final class KeyLog: Sendable {
    package let path: String
    private let descriptor: Int32

    /// The file cannot be written.
    package struct Unwritable: Error, CustomStringConvertible {
        package let path: String
        package let reason: String

        package var description: String { "the key log \(path) cannot be written: \(reason); name another file" }
    }

    /// Opens the file to append to.
    package init(path: String) throws(Unwritable) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw Unwritable(path: path, reason: String(cString: strerror(errno))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
            close(descriptor)
            throw Unwritable(path: path, reason: "it is there already, and no file that its owner alone can read")
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }

    /// One line in one write, so that lines of several threads do not mix.
    func append(_ line: UnsafePointer<CChar>) {
        var bytes = UnsafeBufferPointer(start: line, count: strlen(line)).map { UInt8(bitPattern: $0) }
        bytes.append(0x0A)
        _ = write(self.descriptor, bytes, bytes.count)
    }

    /// OpenSSL calls this with each secret.
    static let callback: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?) -> Void = { ssl, line in
        guard let line else { return }
        OpenSSLLibrary.shared.connection(of: ssl)?.context.secrets.keyLog?.append(line)
    }
}
