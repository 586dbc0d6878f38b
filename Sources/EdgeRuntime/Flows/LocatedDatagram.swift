// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// A datagram that is to leave from one local address of a socket that is bound to all of them (RFC 3581 section 4).
///
/// NIO tells where a datagram came to, and cannot be told where one is to leave from: for that `IP_PKTINFO` or
/// `IPV6_PKTINFO` goes along in a system call of our own.
struct LocatedDatagram {
    /// What became of it.
    enum Outcome: Hashable {
        case sent
        /// The kernel has no room for it now.
        case noRoom
        case lost(DropLabel)
    }

    let bytes: ByteBuffer
    let remote: DatagramAddress
    let local: IPAddress

    /// Bytes of a control message with the larger of the two: its header, then the payload, which is a multiple of the
    /// alignment neither way.
    private static let controlSize = 40
    private static let headerSize = MemoryLayout<cmsghdr>.size

    /// Sends it at once, as far as the kernel takes it.
    func send(on socket: CInt) -> Outcome {
        withUnsafeTemporaryAllocation(byteCount: Self.controlSize, alignment: MemoryLayout<cmsghdr>.alignment) {
            control in
            let size = writeControl(into: control)
            let error = send(on: socket, UnsafeMutableRawBufferPointer(rebasing: control[..<size]))
            // What came to a broadcast address has that for its local one, from which nothing can leave.
            guard error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH else {
                return Self.outcome(of: error)
            }
            return Self.outcome(of: send(on: socket, UnsafeMutableRawBufferPointer(start: nil, count: 0)))
        }
    }

    /// What an error of the kernel means; 0 is none.
    static func outcome(of error: CInt) -> Outcome {
        switch error {
        case 0: .sent
        case EAGAIN: .noRoom
        // It may have no room for one of that size ever, so nothing waits behind it.
        case ENOBUFS, ENOMEM: .lost(.queueFull)
        case EBADF, ENOTSOCK: .lost(.deadFlow)
        default: .lost(.unsendable)
        }
    }

    /// Gives the kernel's error, 0 for none.
    private func send(on socket: CInt, _ control: UnsafeMutableRawBufferPointer) -> CInt {
        SocketAddress(remote.address, port: remote.port).withSockAddr { address, length in
            bytes.withUnsafeReadableBytes { bytes in
                var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_name = UnsafeMutableRawPointer(mutating: address)
                    message.msg_namelen = socklen_t(length)
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    while sendmsg(socket, &message, CInt(MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 {
                        if errno != EINTR { return errno }
                    }
                    return 0
                }
            }
        }
    }

    /// Writes the control message that names the local address; gives its size with padding.
    private func writeControl(into control: UnsafeMutableRawBufferPointer) -> Int {
        control.initializeMemory(as: UInt8.self, repeating: 0)
        let payload: Int
        switch local {
        case .v4(let value):
            // struct in_pktinfo: interface, local address, and one that only tells.
            payload = 12
            control.storeBytes(of: value.bigEndian, toByteOffset: Self.headerSize + 4, as: UInt32.self)
        case .v6(let high, let low):
            // struct in6_pktinfo: local address, interface.
            payload = 20
            control.storeBytes(of: high.bigEndian, toByteOffset: Self.headerSize, as: UInt64.self)
            control.storeBytes(of: low.bigEndian, toByteOffset: Self.headerSize + 8, as: UInt64.self)
        }
        var header = cmsghdr()
        header.cmsg_len = Self.headerSize + payload
        header.cmsg_level = CInt(local.isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP)
        header.cmsg_type = local.isIPv6 ? IPV6_PKTINFO : IP_PKTINFO
        control.storeBytes(of: header, as: cmsghdr.self)
        return Self.headerSize + (payload + 7) / 8 * 8
    }
}
