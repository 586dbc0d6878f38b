// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import ProxyProtocol
internal import SIPMessage

/// Reads an input as the beginning of a connection from a load balancer, whole and in pieces.
@main
struct FuzzProxy {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    static func check(_ input: ByteBuffer) {
        for versions in [[.v1], [.v2], [.v1, .v2]] as [Set<ProxyProtocolVersion>] {
            let whole = ProxyHeaderReader.read(input, versions)
            if case .header(let header) = whole {
                claim(header.length >= 8 && header.length <= input.readableBytes, "a header of \(header.length) bytes")
                claim(header.length <= ProxyHeaderReader.lengthLimit, "a header above the limit")
                claim(header.source.map { !$0.address.isUnsendable } ?? true, "nothing comes from there")
            }
            checkPieces(of: input, versions, whole)
        }
    }

    /// What a part says stays said: more bytes change nothing but that more is awaited.
    private static func checkPieces(
        of input: ByteBuffer,
        _ versions: Set<ProxyProtocolVersion>,
        _ whole: ProxyHeaderReader.Outcome
    ) {
        for count in 0..<min(input.readableBytes, 300) {
            guard let part = input.getSlice(at: input.readerIndex, length: count) else { continue }
            let outcome = ProxyHeaderReader.read(part, versions)
            claim(outcome == .needMore || outcome == whole, "\(count) bytes say \(outcome), all say \(whole)")
        }
    }
}
