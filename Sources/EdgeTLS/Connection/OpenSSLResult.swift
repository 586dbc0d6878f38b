// SPDX-License-Identifier: Apache-2.0

/// What a call into OpenSSL came to: nothing above sees its error codes.
enum OpenSSLResult: Sendable {
    /// Done.
    case complete
    /// More must come from the peer first.
    case incomplete
    /// Over: the peer has said that it is done, or something is wrong.
    case ended(End)

    /// Why nothing more will come.
    enum End: Sendable {
        case closeNotify
        case failed(OpenSSLErrors)
    }
}
