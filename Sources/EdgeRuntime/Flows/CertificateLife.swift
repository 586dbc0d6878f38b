// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore

/// How long a connection may rest on the certificate that its peer has proved itself with (TLS-09, TLS-32).
struct CertificateLife: Hashable {
    /// How long before the end another connection is to take over.
    static let margin: Int64 = 60
    /// Ends further away than this, in seconds, are as good as none.
    private static let horizon: Int64 = 10 * 365 * 86_400

    /// From when on nothing new should begin on the connection.
    let retiresAt: NIODeadline
    /// When the certificate has expired, and the connection is closed.
    let endsAt: NIODeadline

    /// - Parameters:
    ///   - notAfter: the last second of the certificate's validity, since 1970.
    ///   - wallClock: seconds since 1970 now.
    init(notAfter: Int64, wallClock: Int64, now: NIODeadline) {
        let (difference, overflow) = notAfter.subtractingReportingOverflow(wallClock)
        let left = overflow ? (notAfter > wallClock ? Self.horizon : 0) : min(max(0, difference), Self.horizon)
        endsAt = now + .seconds(left)
        // A peer that shows the same certificate so short before its end has no other: it serves to the end.
        retiresAt = left > 2 * Self.margin ? endsAt - .seconds(Self.margin) : endsAt
    }

    /// The same by this host's clock.
    init(notAfter: Int64, now: NIODeadline) {
        self.init(notAfter: notAfter, wallClock: UnixTime.now, now: now)
    }
}

extension StreamFlow {
    /// Notes when its peer's certificate is about to expire, so that another connection should take over.
    func retire(at now: NIODeadline) {
        if let certificate, certificate.retiresAt <= now { isRetired = true }
    }
}
