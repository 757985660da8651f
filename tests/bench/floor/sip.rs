//! The floor's SIP: header lines copied from a request into a response that is ready made.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// The value of a header.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split("\r\n").find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim_start())
    })
}

/// Where the SDP of a message wants RTP.
pub fn media(message: &str) -> Option<SocketAddr> {
    let line = |prefix: &str| {
        message
            .split("\r\n")
            .find_map(|line| line.strip_prefix(prefix))
    };
    let address = line("c=IN IP4 ")?.trim().parse().ok()?;
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(address, port))
}

/// The answer to every offer.
pub fn answer(rtp: SocketAddr) -> String {
    format!(
        "v=0\r\no=floor 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
        ip = rtp.ip(),
        port = rtp.port(),
    )
}

/// 200 to a request, `size` bytes long where that is possible.
pub fn ok(request: &str, body: &str, size: usize) -> Vec<u8> {
    let mut text = String::with_capacity(2048);
    text.push_str("SIP/2.0 200 OK\r\n");
    for line in request.split("\r\n") {
        if line.is_empty() {
            break;
        }
        if ["Via:", "From:", "Call-ID:", "CSeq:"]
            .iter()
            .any(|name| line.starts_with(name))
        {
            text.push_str(line);
            text.push_str("\r\n");
        } else if line.starts_with("To:") {
            let tag = if line.contains("tag=") {
                ""
            } else {
                ";tag=floor"
            };
            let _ = write!(text, "{line}{tag}\r\n");
        }
    }
    if !body.is_empty() {
        text.push_str("Contact: <sip:floor@127.0.0.1>\r\nContent-Type: application/sdp\r\n");
    }
    finish(text, body, size)
}

/// The BYE for the call that an INVITE begins.
pub fn bye(invite: &str, local: SocketAddr, size: usize) -> Option<Vec<u8>> {
    let from = header(invite, "From")?;
    let to = header(invite, "To")?;
    let id = header(invite, "Call-ID")?;
    let target = header(invite, "Contact")?.strip_prefix('<')?;
    let target = target.split('>').next()?;
    let text = format!(
        "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-{id}\r\nFrom: {to};tag=floor\r\n\
         To: {from}\r\nCall-ID: {id}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\n"
    );
    Some(finish(text, "", size))
}

fn finish(mut text: String, body: &str, size: usize) -> Vec<u8> {
    let _ = write!(text, "Content-Length: {}\r\n", body.len());
    // "X: " and two line ends.
    let missing = size.saturating_sub(text.len() + body.len() + 2);
    if missing > 5 {
        let _ = write!(text, "X: {:x<width$}\r\n", "", width = missing - 5);
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n\
        From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 7\r\nCSeq: 1 INVITE\r\nContact: <sip:b@127.0.0.1:9>\r\n\
        Content-Length: 0\r\n\r\nv=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";

    #[test]
    fn messages_have_the_size_that_is_asked_for() {
        let answer = answer("127.0.0.1:12000".parse().unwrap());
        assert_eq!(ok(INVITE, &answer, 700).len(), 700);
        assert!(ok(INVITE, &answer, 1).len() > 200);
        let bye = bye(INVITE, "127.0.0.1:5060".parse().unwrap(), 400).unwrap();
        assert_eq!(bye.len(), 400);
        assert!(bye.starts_with(b"BYE sip:b@127.0.0.1:9 SIP/2.0\r\n"));
        assert_eq!(media(INVITE).unwrap().port(), 4_000);
        assert_eq!(header(INVITE, "Call-ID"), Some("7"));
    }
}
