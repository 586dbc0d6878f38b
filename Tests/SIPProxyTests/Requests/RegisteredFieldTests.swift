// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPProxy
internal import Testing

/// Every header field that is registered for SIP and that a proxy has nothing to do with, each written in a way that a
/// proxy which rewrote it would change.
@Suite("Registered header fields")
struct RegisteredFieldTests {
    /// Names of the registry of SIP header fields (RFC 3261 section 27.2), and compact forms below them.
    ///
    /// Those are left out that the edge acts on, and those that every message here has anyway.
    private static let names = [
        "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Accept-Resource-Priority",
        "Additional-Identity",
        "Alert-Info", "Allow", "Allow-Events", "Answer-Mode", "AS-Feature-ID", "Authentication-Info", "Authorization",
        "Call-Info", "Cellular-Network-Info", "Content-Disposition", "Content-Encoding", "Content-ID",
        "Content-Language",
        "Date", "Encryption", "Error-Info", "Event", "Feature-Caps", "Flow-Timer", "Geolocation", "Geolocation-Error",
        "Geolocation-Routing", "Hide", "History-Info", "Identity", "Identity-Info", "Info-Package", "In-Reply-To",
        "Join",
        "Max-Expires", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "Origination-Id",
        "P-Access-Network-Info",
        "P-Answer-State", "P-Associated-URI", "P-Called-Party-ID", "P-DCS-Billing-Info", "P-DCS-LAES", "P-DCS-OSPS",
        "P-DCS-Redirect", "P-DCS-Trace-Party-ID", "P-Early-Media", "P-Media-Authorization",
        "P-Private-Network-Indication",
        "P-Profile-Key", "P-Refused-URI-List", "P-Visited-Network-ID", "Permission-Missing", "Policy-Contact",
        "Policy-ID",
        "Priority", "Priority-Share", "Priority-Verstat", "Priv-Answer-Mode", "Proxy-Authentication-Info",
        "Proxy-Authorization", "RAck", "Reason", "Reason-Phrase", "Recv-Info", "Refer-Events-At", "Refer-Sub",
        "Refer-To",
        "Referred-By", "Reject-Contact", "Relayed-Charge", "Replaces", "Reply-To", "Request-Disposition", "Require",
        "Resource-Priority", "Resource-Share", "Response-Key", "Response-Source", "Restoration-Info", "RSeq",
        "Security-Client", "Security-Server", "Security-Verify", "Server", "Service-Interact-Info", "Service-Route",
        "Session-Expires", "Session-ID", "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State", "Supported",
        "Suppress-If-Match", "Target-Dialog", "Trigger-Consent", "Unsupported", "User-Agent", "User-to-User", "Warning",
        "Allow-Events", "a", "b", "d", "e", "j", "k", "n", "o", "r", "s", "u", "x", "y",
    ]

    private static let rows = names.enumerated().map { place, name in
        let blank = ["", " ", "\t", "  "][place % 4]
        return
            "\(place % 3 == 0 ? name.uppercased() : name):\(blank)x\(place) ;  y=\"\(place), \\\" z\" , <sip:a@b>;q=0.5"
    }

    private func rest(_ sent: Sent, below name: String) -> [String] {
        let lines = sent.wire.lines
        return Array(lines[((lines.firstIndex { $0.hasPrefix(name) } ?? 0) + 1)...])
    }

    @Test("PRX-48, PRX-67: every registered field passes in both directions, unchanged and in its place")
    func all() {
        #expect(Self.rows.count > 110)
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("MESSAGE", extra: Self.rows, body: "hello"), on: client)
        guard let sent = bench.sent.to("B1").first else {
            Issue.record("not forwarded: \(bench.sent.map(\.wire.startLine))")
            return
        }
        #expect(rest(sent, below: "CSeq") == Self.rows + ["Content-Length: 5"])
        bench.answer(200, to: sent, extra: Self.rows)
        let answer = bench.sent.to("C").last { $0.status == 200 }
        #expect(answer.map { rest($0, below: "CSeq") } == Self.rows + ["Content-Length: 0"])
    }

    @Test("PRX-48, OVL-48: of those that an outsider may not say nothing leaves, and all else does")
    func forbidden() {
        let taken = [
            "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User", "P-User-Database",
            "P-Asserted-Identity", "P-Preferred-Identity",
        ]
        let bench = Bench(1)
        var rows: [String] = []
        for (place, row) in Self.rows.enumerated() {
            rows.append(row)
            if place < taken.count { rows.append("\(taken[place]): <sip:someone@example.com>") }
        }
        bench.receive(Wire.request("MESSAGE", extra: rows), on: bench.client())
        #expect(bench.sent.to("B1").first.map { rest($0, below: "CSeq") } == Self.rows + ["Content-Length: 0"])
    }
}
