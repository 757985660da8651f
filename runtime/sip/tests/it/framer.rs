//! Messages out of a byte stream, whatever the portions it comes in.

use vireo_sip::message::stream::{Fatal, Frame, Framer};
use vireo_sip::message::{MAX_MESSAGE, Message};

fn request(call: u32, body: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{call}\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
         Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nl: {}\r\n\r\n{body}",
        body.len()
    )
}

fn drain(framer: &mut Framer) -> Result<Vec<Frame>, Fatal> {
    let mut frames = Vec::new();
    while let Some(frame) = framer.poll()? {
        frames.push(frame);
    }
    Ok(frames)
}

/// Two messages with bodies that hold empty lines, a malformed one between them, and keep-alives around them.
fn stream() -> (Vec<u8>, Vec<Frame>) {
    let first = request(1, "a\r\n\r\nb");
    let broken = request(2, "").replace("Call-ID: 2\r\n", "");
    let second = request(3, "");
    let bytes = format!("\r\n\r\n{first}{broken}\r\n\r\n{second}\r\n\r\n").into_bytes();
    let frame = |text: &str| Frame::Message(Message::parse(text.as_bytes()));
    let expected = vec![
        Frame::Ping,
        frame(&first),
        frame(&broken),
        Frame::Ping,
        frame(&second),
        Frame::Ping,
    ];
    (bytes, expected)
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let (bytes, expected) = stream();
    for cut in 0..=bytes.len() {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            framer.push(part);
            frames.extend(drain(&mut framer).unwrap());
        }
        assert_eq!(frames, expected, "cut at {cut}");
        assert!(!framer.is_partial());
    }
}

#[test]
fn byte_by_byte() {
    let (bytes, expected) = stream();
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for byte in bytes {
        framer.push(&[byte]);
        frames.extend(drain(&mut framer).unwrap());
    }
    assert_eq!(frames, expected);
    assert!(
        matches!(&frames[2], Frame::Message(Err(error)) if error.reply().is_some_and(|reply| reply.status == 400))
    );
}

#[test]
fn streams_that_cannot_be_followed() {
    let good = request(1, "");
    let table = [
        ("no Content-Length", good.replace("l: 0\r\n", ""), Some(400)),
        ("negative", good.replace("l: 0", "l: -1"), Some(400)),
        ("not a number", good.replace("l: 0", "l: 0x10"), Some(400)),
        (
            "beyond any integer",
            good.replace("l: 0", "l: 99999999999999999999999"),
            Some(400),
        ),
        (
            "near the largest integer",
            good.replace("l: 0", "l: 18446744073709551615"),
            Some(413),
        ),
        ("too long", good.replace("l: 0", "l: 65536"), Some(413)),
        (
            "two that differ",
            good.replace("l: 0", "l: 0\r\nContent-Length: 1"),
            Some(400),
        ),
        (
            "headers without end",
            format!(
                "OPTIONS sip:a@b SIP/2.0\r\n{}",
                "X: y\r\n".repeat(MAX_MESSAGE / 6)
            ),
            None,
        ),
        ("one line without end", "x".repeat(MAX_MESSAGE + 1), None),
    ];
    for (name, text, status) in table {
        let mut framer = Framer::new();
        framer.push(text.as_bytes());
        let Fatal(error) = drain(&mut framer).expect_err(name);
        assert_eq!(
            error.reply().map(|reply| reply.status),
            status,
            "{name}: {error}"
        );
    }
}

#[test]
fn waiting_is_no_error() {
    let mut framer = Framer::new();
    framer.push(b"\r\n\r");
    assert_eq!(framer.poll(), Ok(None));
    assert!(!framer.is_partial());
    framer.push(b"\nOPTIONS");
    assert_eq!(framer.poll(), Ok(Some(Frame::Ping)));
    assert_eq!(framer.poll(), Ok(None));
    assert!(framer.is_partial());
}

/// Work is linear in the bytes, however small the portions: a quadratic search would take minutes here.
#[test]
fn small_portions_of_a_long_message_cost_no_more() {
    let long = request(1, &"x".repeat(60_000))
        .replace("CSeq", &format!("Subject: {}\r\nCSeq", "y".repeat(4_000)));
    for _ in 0..20 {
        let mut framer = Framer::new();
        let mut frames = 0;
        for byte in long.as_bytes() {
            framer.push(std::slice::from_ref(byte));
            frames += drain(&mut framer).unwrap().len();
        }
        assert_eq!(frames, 1);
    }
}
