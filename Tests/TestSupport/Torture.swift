// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What an edge must make of the torture messages, and of the bytes of those that it forwards.
package enum Torture {
    package enum Verdict: Equatable {
        case forwarded(Int)
        case answered(Int)
        /// Nothing leaves.
        case dropped
        /// A stream waits for the rest.
        case waits
    }

    /// Where the table of the RFC leaves a choice and this edge does not take the first.
    private static let choices = [
        // The Contact of a REGISTER is the registrar's concern (MSG-T26).
        "regbadct.dat": "FWD",
        // OPTIONS whose hops end here is answered for the edge itself (PRX-11, MSG-T44).
        "zeromf.dat": "200",
    ]

    /// What the class of a vector asks for on `transport`; of several that are allowed, the first.
    package static func expected(_ vector: Vectors.Vector, on transport: String) -> Verdict? {
        // A header section without its end (baddn).
        if transport == "STREAM", vector.framing == "-" { return .waits }
        let pieces = (choices[vector.name] ?? vector.classification).split(
            separator: "; ",
            omittingEmptySubsequences: false
        ).map(String.init)
        let piece =
            pieces.first { $0.hasPrefix("\(transport):") }?.dropFirst(transport.utf8.count + 1) ?? pieces[0][...]
        if let status = Int(piece.prefix(3)) {
            // A proxy that does not know the method may refuse its CSeq first (MSG-T31).
            return .answered(status == 501 ? 400 : status)
        }
        if piece.hasPrefix("FWD") { return .forwarded(1) }
        if piece.hasPrefix("two messages") { return .forwarded(2) }
        if piece.hasPrefix("RESP") { return .dropped }
        return piece.hasPrefix("wait") ? .waits : nil
    }

    /// Only who is trusted may name a next hop in a Route.
    package static func hasRoute(_ vector: Vectors.Vector) -> Bool { !Rows(vector.bytes).all("route").isEmpty }

    // MARK: Bytes

    /// In what a forwarded message differs from the received one beyond a proxy's edits (MSG-53, MSG-55, PRX-28).
    package static func differences(from received: ByteBuffer, in forwarded: ByteBuffer) -> [String] {
        let (before, after) = (Rows(received), Rows(forwarded))
        var found = target(before, after)
        func expect<Value: Equatable>(_ what: String, _ now: Value, _ then: Value) {
            if now != then { found.append("\(what): \(now), not \(then)") }
        }
        let edited: Set = ["via", "max-forwards", "max-breadth", "record-route", "path", "route", "content-length"]
        expect("others", after.others(than: edited), before.others(than: edited))
        for name in ["record-route", "path"] {
            expect(name, Array(after.all(name).suffix(before.all(name).count)), before.all(name))
        }
        let (vias, old) = (after.all("via").dropFirst().map(\.row), before.all("via").map(\.row))
        expect("via", vias.map(unstamped), old.map(unstamped))
        expect("lower vias", Array(vias.dropFirst()), Array(old.dropFirst()))
        let hops = before.number("max-forwards").flatMap { $0 > 255 ? nil : $0 }
        expect("max-forwards", after.all("max-forwards").map { Int($0.value) }, [hops.map { $0 - 1 } ?? 70])
        let length = before.number("content-length")
        expect("body", after.body, Array(before.body.prefix(length ?? before.body.count)))
        expect("content-length", after.all("content-length").map { Int($0.value) }, [after.body.count])
        if length != nil { expect("content-length", after.all("content-length"), before.all("content-length")) }
        return found
    }

    private static func target(_ before: Rows, _ after: Rows) -> [String] {
        guard before.all("route").contains(where: { !$0.value.contains(";lr") }) else {
            let isSame = after.startLine == before.startLine && after.all("route") == before.all("route")
            return isSame ? [] : ["start line and routes: \(after.startLine) \(after.all("route"))"]
        }
        // The Route became the Request-URI, and that the last Route (PRX-38).
        let parts = before.startLine.split(separator: " ")
        let next = before.all("route").map(\.value)[0].dropFirst().dropLast()
        let now = "\(after.startLine) \(after.all("route").map(\.value))"
        return now == "\(parts[0]) \(next) \(parts[2]) \(["<\(parts[1])>"])" ? [] : ["strict route: \(now)"]
    }

    /// A Via without what an edge writes into it.
    private static func unstamped(_ via: String) -> String {
        via.split(separator: ";", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("received=") && !$0.hasPrefix("rport") }.joined(separator: ";")
    }
}
