// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The errors that OpenSSL keeps for a thread, taken from it as values.
///
/// They must be drained after each failure: one that stays behind makes a later, harmless result look like an error.
struct OpenSSLErrors: Sendable, Hashable {
    /// One entry: where it comes from and why, as OpenSSL numbers them.
    struct Entry: Sendable, Hashable {
        let library: Int32
        let reason: Int32
        let words: String
    }

    /// The oldest first.
    let entries: [Entry]

    /// Takes all errors of this thread.
    static func drained() -> OpenSSLErrors {
        var entries: [Entry] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { break }
            let words = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
            entries.append(
                Entry(library: brana_error_library(code), reason: brana_error_reason(code), words: words)
            )
        }
        return OpenSSLErrors(entries: entries)
    }

    /// Forgets what others left behind on this thread; cheap when there is nothing.
    @inline(__always)
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Whether an entry is this reason of the TLS library.
    func hasTLSReason(_ reason: Int32) -> Bool {
        self.entries.contains { $0.library == ERR_LIB_SSL && $0.reason == reason }
    }

    /// All reasons in words.
    var words: String {
        self.entries.isEmpty ? "no reason given" : self.entries.map(\.words).joined(separator: ", ")
    }
}
