//! What reading and printing cost. Not part of the ordinary run, because it measures time:
//! `cargo test --release -p vireo-sip --test it -- --ignored --nocapture cost`.

use std::hint::black_box;
use std::time::{Duration, Instant};
use vireo_sip::message::{Message, Response};
use vireo_sip::offer_answer::{Capabilities, Codec, Negotiation};

/// An INVITE as a carrier's session border controller sends it: 1.3 KB.
fn invite() -> Vec<u8> {
    let sdp = "v=0\r\no=sbc 1628183215 1628183216 IN IP4 198.51.100.17\r\ns=sip call\r\nc=IN IP4 198.51.100.17\r\nt=0 0\r\n\
        m=audio 21378 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n\
        a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    format!(
        "INVITE sip:+8675596122@203.0.113.10:5060;user=phone;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.16:5060;branch=z9hG4bK0cB5f1a9d8e7c6b5a4f\r\n\
         Via: SIP/2.0/UDP 10.20.30.40:5060;received=10.20.30.40;rport=5060;branch=z9hG4bKa1b2c3d4e5f6\r\n\
         Record-Route: <sip:198.51.100.16;lr;ftag=gK0c5f1a9d>\r\n\
         From: \"Lei Wang\" <sip:+8613800138000@198.51.100.16;user=phone>;tag=gK0c5f1a9d\r\n\
         To: <sip:+8675596122@203.0.113.10;user=phone>\r\n\
         Call-ID: 1210069504_133741258@198.51.100.16\r\n\
         CSeq: 785213 INVITE\r\n\
         Max-Forwards: 68\r\n\
         Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE,PUBLISH\r\n\
         Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay, multipart/mixed\r\n\
         Contact: \"Lei Wang\" <sip:+8613800138000@198.51.100.16:5060;transport=udp>\r\n\
         P-Asserted-Identity: \"Lei Wang\" <sip:+8613800138000@198.51.100.16:5060;user=phone>\r\n\
         Supported: timer,100rel,precondition\r\n\
         Session-Expires: 1800\r\n\
         Min-SE: 90\r\n\
         User-Agent: Carrier SBC 9.2.3 R001\r\n\
         Content-Disposition: session; handling=required\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
    .into_bytes()
}

/// The best of some rounds: what it costs when nothing disturbs it.
fn nanoseconds(name: &str, mut work: impl FnMut()) -> u128 {
    // Short rounds, so that some are not interrupted.
    const COUNT: u32 = 300;
    let best = (0..400)
        .map(|_| {
            let start = Instant::now();
            (0..COUNT).for_each(|_| work());
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::ZERO);
    let each = best.as_nanos() / u128::from(COUNT);
    println!("{name}: {each} ns");
    each
}

#[test]
#[ignore = "measures time"]
fn cost_of_messages() {
    let wire = invite();
    println!("INVITE of {} bytes", wire.len());
    let Ok(Message::Request(request)) = Message::parse(&wire) else {
        panic!("an INVITE")
    };
    let mut out = Vec::with_capacity(4096);
    let parse = nanoseconds("read", || {
        black_box(Message::parse(black_box(&wire)).is_ok());
    });
    let print = nanoseconds("print", || {
        out.clear();
        request.encode(&mut out);
        black_box(&out);
    });
    nanoseconds("typed Via, From, To, CSeq, Contact", || {
        let headers = &request.headers;
        let _ = black_box((
            headers.via(),
            headers.from(),
            headers.to(),
            headers.cseq(),
            headers.contacts(),
        ));
    });
    nanoseconds("answer with tag, printed", || {
        let mut response = Response::to(&request, 180);
        response.set_to_tag("0123456789abcdef");
        out.clear();
        response.encode(&mut out);
        black_box(&out);
    });
    let capabilities = Capabilities {
        address: "203.0.113.10".parse().unwrap(),
        port: 30000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        ptime_ms: 20,
        telephone_event: Some(101),
    };
    let leg = Negotiation::new(capabilities, 1);
    nanoseconds("offer answered", || {
        let _ = black_box(leg.clone().answer(black_box(&request.body)));
    });
    // Generous, so that a loaded machine passes; the target is 2,000 ns for each.
    assert!(parse < 10_000 && print < 10_000);
}

/// Crafted messages of the largest size: no input may cost more than a few milliseconds.
#[test]
fn crafted_messages_cost_no_more_than_their_length() {
    let frame = |middle: String| {
        format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: x\r\nCSeq: 1 INVITE\r\n{middle}\r\n\r\n"
        )
    };
    let table = [
        (
            "many headers",
            frame(
                (0..6_000)
                    .map(|i| format!("H{i}: x\r\n"))
                    .collect::<String>(),
            ),
        ),
        (
            "one list",
            frame(format!("Contact: {}<sip:a@b>", "<sip:a@b>,".repeat(6_000))),
        ),
        (
            "one quoted string",
            frame(format!("Subject: \"{}", "\\\"".repeat(30_000))),
        ),
        (
            "folds",
            frame(format!("Subject: x{}", "\r\n y".repeat(15_000))),
        ),
        (
            "parameters",
            frame(format!("Contact: <sip:a@b{}>", ";a=b".repeat(15_000))),
        ),
        (
            "vias",
            frame(format!(
                "Via: {}SIP/2.0/UDP h",
                "SIP/2.0/UDP h,".repeat(4_000)
            )),
        ),
        (
            "open brackets",
            frame(format!("Contact: {}", "<".repeat(60_000))),
        ),
        ("commas", frame(format!("Contact: {}", ",".repeat(60_000)))),
        (
            "carriage returns",
            frame(format!("Subject: {}", "\r".repeat(60_000))),
        ),
        ("colons", frame(":".repeat(60_000))),
        ("empty lines", "\r\n".repeat(30_000)),
    ];
    for (name, text) in table {
        let start = Instant::now();
        let parsed = Message::parse(text.as_bytes());
        if let Ok(message) = &parsed {
            let _ = (
                message.headers().contacts(),
                message.headers().vias().count(),
            );
        }
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_millis(100), "{name}: {elapsed:?}");
    }
}
