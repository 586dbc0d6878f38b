// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What the process asks of OpenSSL once.
///
/// Both values are set once and only read afterwards; OpenSSL never changes a method table.
struct OpenSSLLibrary: @unchecked Sendable {
    static let shared = OpenSSLLibrary()

    /// The methods of the BIO that borrows the caller's buffers; nil when there is no memory for it.
    let windowMethod: OpaquePointer?
    /// Where an `SSL` keeps the ``TLSConnection`` that owns it.
    let connectionIndex: Int32

    private init() {
        OPENSSL_init_ssl(0, nil)
        self.windowMethod = brana_bio_window_method()
        self.connectionIndex = brana_ssl_ex_index()
    }

    /// The connection that owns `ssl`.
    func connection(of ssl: OpaquePointer?) -> TLSConnection? {
        guard let ssl, let pointer = SSL_get_ex_data(ssl, self.connectionIndex) else { return nil }
        return Unmanaged<TLSConnection>.fromOpaque(pointer).takeUnretainedValue()
    }
}
