// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Messages of the size that an edge sees all day.
enum Samples {
    static let invite = message(
        """
        INVITE sip:bob@voice.example.test SIP/2.0
        Via: SIP/2.0/TLS 10.0.0.9:49152;branch=z9hG4bKnashds8.4f1a;rport
        Max-Forwards: 70
        From: "Alice" <sip:alice@voice.example.test>;tag=1928301774
        To: <sip:bob@voice.example.test>
        Call-ID: a84b4c76e66710f2c31b@pc33.example.test
        CSeq: 314159 INVITE
        Contact: <sip:alice@10.0.0.9:49152;transport=tls>
        Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK
        Supported: replaces, timer, 100rel
        User-Agent: Example/1.0
        Content-Type: application/sdp
        """,
        body: "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 40000 RTP/AVP 0 8\n"
    )

    static let options = message(
        """
        OPTIONS sip:voice.example.test SIP/2.0
        Via: SIP/2.0/TLS 10.0.0.9:49152;branch=z9hG4bKnashds8.4f1b;rport
        Max-Forwards: 70
        From: <sip:alice@voice.example.test>;tag=1928301774
        To: <sip:voice.example.test>
        Call-ID: a84b4c76e66710f2c31c@pc33.example.test
        CSeq: 314160 OPTIONS
        Contact: <sip:alice@10.0.0.9:49152;transport=tls>
        Accept: application/sdp
        """,
        body: ""
    )

    static let response = message(
        """
        SIP/2.0 200 OK
        Via: SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bKu81f3c02.603394aa
        Via: SIP/2.0/TLS 10.0.0.9:49152;branch=z9hG4bKnashds8.4f1b;rport=9988;received=203.0.113.7
        From: <sip:alice@voice.example.test>;tag=1928301774
        To: <sip:voice.example.test>;tag=77aa01
        Call-ID: a84b4c76e66710f2c31c@pc33.example.test
        CSeq: 314160 OPTIONS
        """,
        body: ""
    )

    private static func message(_ head: String, body: String) -> ByteBuffer {
        let length = body.utf8.count + body.utf8.count { $0 == 0x0A }
        let text = head + "\nContent-Length: \(length)\n\n" + body
        var buffer = ByteBuffer()
        for byte in text.utf8 {
            if byte == 0x0A { buffer.writeInteger(UInt8(0x0D)) }
            buffer.writeInteger(byte)
        }
        return buffer
    }
}
