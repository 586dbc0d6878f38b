// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import NIOCore

/// One TLS connection of OpenSSL without any I/O: ciphertext in, plaintext out, and the other way.
///
/// OpenSSL reads from and writes to the caller's buffers in place, through a BIO that borrows them for the length of
/// one call. Whatever it wants to say to the peer is appended to the buffer that the call was given, also when it
/// fails: that is the alert. The connection belongs to one event loop.
final class TLSConnection {
    /// Room for what OpenSSL says while it reads; when it is used up, it is emptied and the call repeated.
    ///
    /// More than this
    /// would not be on the stack.
    private static let replyRoom = 1024
    /// The largest plaintext of a record (RFC 8446 section 5.1).
    static let recordLimit = 16_384
    /// What a record can add at most: header, explicit nonce or vector, padding and tag of the ciphers that OpenSSL
    /// has.
    private static let recordOverhead = 96

    /// What it goes by; the server name that a client asks for may change it.
    var context: TLSContext
    let role: TLSRole
    let ssl: OpaquePointer
    /// What the verification of the peer has found wrong beyond what OpenSSL keeps.
    var mismatch: String?
    /// When the server was verified whose session this client offers to take up, in seconds since 1970.
    var offeredSessionAt: Int64?
    /// What the verification of its revocation has found wrong.
    var revocation: String?
    /// The certificate that was refused.
    var refused: RefusedCertificate?
    /// Whether OpenSSL has taken a record that the certificate can be held against.
    var hasAssociation = false
    /// Whether the server has asked for our certificate; noted only where there is one, and by a connection that observes.
    var wasAskedForCertificate = false

    private let window: UnsafeMutablePointer<brana_bio_window>
    /// What it began with, whose callbacks OpenSSL goes on to ask.
    private let firstContext: TLSContext

    /// A connection that has not begun; nil when OpenSSL is out of memory or refuses the server name.
    init?(context: TLSContext, role: TLSRole) {
        guard let method = OpenSSLLibrary.shared.windowMethod, let ssl = SSL_new(context.pointer) else { return nil }
        self.context = context
        self.firstContext = context
        self.role = role
        self.ssl = ssl
        self.window = .allocate(capacity: 1)
        self.window.initialize(to: brana_bio_window())
        guard
            brana_ssl_set_window(ssl, method, self.window) == 1,
            SSL_set_ex_data(ssl, OpenSSLLibrary.shared.connectionIndex, Unmanaged.passUnretained(self).toOpaque()) == 1
        else { return nil }
        switch role {
        case .server:
            SSL_set_accept_state(ssl)
        case .client(let serverName, _, _):
            SSL_set_connect_state(ssl)
            if let name = serverName.flatMap(Self.indication(for:)) {
                guard brana_ssl_set_server_name(ssl, name) == 1 else { return nil }
            }
            if context.profile.ocsp != .off { brana_ssl_ask_for_staple(ssl) }
            if context.hasCertificate { self.noteRequests() }
            guard self.enableDANE() else { return nil }
            self.offerSession()
        }
    }

    deinit {
        // Without this OpenSSL takes a connection that just ends for a broken one, and makes its session useless.
        SSL_set_shutdown(self.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        SSL_free(self.ssl)
        self.window.deallocate()
    }

    /// Takes the handshake as far as it goes with what the peer sent; what is left in `ciphertext` came after it.
    func handshake(_ ciphertext: inout ByteBuffer, replies: inout ByteBuffer) -> OpenSSLResult {
        var unread = 0
        let result = ciphertext.withUnsafeReadableBytes { input in
            self.withWindow(over: input, replies: &replies) { _ in
                let done = SSL_do_handshake(self.ssl)
                unread = self.window.pointee.input_length
                return done
            }
        }
        ciphertext.moveReaderIndex(forwardBy: ciphertext.readableBytes &- unread)
        return result
    }

    /// Appends to `plaintext` all that `ciphertext` completes.
    ///
    /// It is used up, unless the connection is over.
    func read(_ ciphertext: ByteBuffer, into plaintext: inout ByteBuffer, replies: inout ByteBuffer) -> OpenSSLResult {
        ciphertext.withUnsafeReadableBytes { input in
            self.withWindow(over: input, replies: &replies) { window in
                var done: Int32 = 0
                repeat {
                    // Plaintext is shorter than its ciphertext; what came earlier shows as pending after the first
                    // call.
                    let room = max(window.pointee.input_length, Int(SSL_pending(self.ssl)), 1)
                    plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                        var count = 0
                        done = SSL_read_ex(self.ssl, space.baseAddress, space.count, &count)
                        return count
                    }
                } while done == 1 && (window.pointee.input_length > 0 || SSL_pending(self.ssl) > 0)
                return done
            }
        }
    }

    /// Appends `plaintext` as records to `output`: as few as the protocol allows.
    func write(_ plaintext: ByteBuffer, into output: inout ByteBuffer) -> OpenSSLResult {
        let count = plaintext.readableBytes
        guard count > 0 else { return .complete }
        let room = count &+ (count / Self.recordLimit &+ 1) &* Self.recordOverhead
        OpenSSLErrors.clear()
        return plaintext.withUnsafeReadableBytes { source in
            while true {
                var done: Int32 = 0
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                    var written = 0
                    self.window.pointee.output = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    self.window.pointee.output_capacity = space.count
                    done = SSL_write_ex(self.ssl, source.baseAddress, count, &written)
                    let produced = self.window.pointee.output_length
                    self.window.pointee = brana_bio_window()
                    return produced
                }
                if done == 1 { return .complete }
                guard SSL_get_error(self.ssl, done) == SSL_ERROR_WANT_WRITE else {
                    return .ended(.failed(OpenSSLErrors.drained()))
                }
            }
        }
    }

    /// Appends the close_notify alert to `output`, unless the handshake is not done or the alert has been sent.
    func close(into output: inout ByteBuffer) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard SSL_is_init_finished(self.ssl) == 1 else { return }
        _ = self.withWindow(over: nothing, replies: &output) { _ in
            // 0 says that the peer's alert has not come yet, which nobody waits for here.
            SSL_shutdown(self.ssl) < 0 ? -1 : 1
        }
    }

    /// Runs `body` with the BIO over `input` and a room for replies, and repeats it as long as the room is too small.
    @inline(__always)
    private func withWindow(
        over input: UnsafeRawBufferPointer,
        replies: inout ByteBuffer,
        _ body: (UnsafeMutablePointer<brana_bio_window>) -> Int32
    ) -> OpenSSLResult {
        OpenSSLErrors.clear()
        return withUnsafeTemporaryAllocation(byteCount: Self.replyRoom, alignment: 1) { room in
            let window = self.window
            window.pointee.input = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
            window.pointee.input_length = input.count
            window.pointee.output = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            window.pointee.output_capacity = room.count
            defer { window.pointee = brana_bio_window() }
            while true {
                let done = body(window)
                let error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(self.ssl, done)
                if window.pointee.output_length > 0 {
                    replies.writeBytes(UnsafeRawBufferPointer(rebasing: room[..<window.pointee.output_length]))
                    window.pointee.output_length = 0
                }
                switch error {
                case SSL_ERROR_NONE: return .complete
                case SSL_ERROR_WANT_READ: return .incomplete
                case SSL_ERROR_WANT_WRITE: continue
                case SSL_ERROR_ZERO_RETURN: return .ended(.closeNotify)
                default: return .ended(.failed(OpenSSLErrors.drained()))
                }
            }
        }
    }

    /// The server name to send: no address literal, no trailing dot, in its ASCII form (RFC 6066 section 3, TLS-06).
    private static func indication(for name: String) -> String? {
        guard !name.isEmpty, AddressLiteral(name) == nil, let ascii = InternationalName.asciiForm(of: name) else {
            return nil
        }
        let bytes = ascii.last == UInt8(ascii: ".") ? ascii.dropLast() : ascii[...]
        return bytes.contains(0) ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

@available(*, unavailable)
extension TLSConnection: Sendable {}
