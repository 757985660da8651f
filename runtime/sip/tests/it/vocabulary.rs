//! Our reading against `rsip`'s: the same where it is right, and a list of where it is not, which is why its types are
//! only views here. A line of that list that fails says that `rsip` has become better.

use crate::torture;
use rsip::headers::UntypedHeader;
use rsip::prelude::{HeadersExt, ToTypedHeader};
use vireo_sip::message::{Message, Method, Uri};

/// A message that leaves nothing out of what is common to both.
const PLAIN: &str = "INVITE sip:bob@biloxi.com:5070;transport=tcp SIP/2.0\r\n\
    Via: SIP/2.0/TCP pc33.atlanta.com:5080;branch=z9hG4bK776asdhds\r\nMax-Forwards: 70\r\n\
    To: Bob <sip:bob@biloxi.com>\r\nFrom: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n\
    Call-ID: a84b4c76e66710@pc33.atlanta.com\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@pc33.atlanta.com>\r\n\
    Accept: application/sdp, text/plain;q=0.5\r\nAccept: text/html\r\n\
    WWW-Authenticate: Digest realm=\"atlanta.com\", nonce=\"84a4\", algorithm=MD5\r\nContent-Length: 0\r\n\r\n";

#[test]
fn both_read_the_same() {
    let Ok(Message::Request(ours)) = Message::parse(PLAIN.as_bytes()) else {
        panic!("a request")
    };
    let Ok(rsip::SipMessage::Request(theirs)) = rsip::SipMessage::try_from(PLAIN.as_bytes()) else {
        panic!("a request")
    };
    assert_eq!(ours.method, Method::from(theirs.method));
    assert_eq!(rsip::Uri::try_from(&ours.uri), Ok(theirs.uri.clone()));
    let (our_via, their_via) = (
        ours.headers.via().unwrap(),
        theirs.via_header().unwrap().typed().unwrap(),
    );
    assert_eq!(
        our_via.branch(),
        their_via.branch().map(|branch| branch.value())
    );
    assert_eq!(our_via.transport.as_str(), their_via.transport.to_string());
    assert_eq!(
        our_via.port,
        their_via.uri.host_with_port.port.map(u16::from)
    );
    let (our_from, their_from) = (
        ours.headers.from().unwrap(),
        theirs.from_header().unwrap().typed().unwrap(),
    );
    assert_eq!(our_from.display, their_from.display_name);
    assert_eq!(
        our_from.tag(),
        their_from.params.iter().find_map(|param| match param {
            rsip::Param::Tag(tag) => Some(tag.value()),
            _ => None,
        })
    );
    let (our_cseq, their_cseq) = (
        ours.headers.cseq().unwrap(),
        theirs.cseq_header().unwrap().typed().unwrap(),
    );
    assert_eq!(
        (our_cseq.number, our_cseq.method),
        (their_cseq.seq, Method::from(their_cseq.method))
    );
    assert_eq!(
        ours.headers.call_id().unwrap(),
        theirs.call_id_header().unwrap().value().as_bytes()
    );
}

#[test]
fn headers_without_a_view_of_ours_are_read_through_theirs() {
    let Ok(Message::Request(request)) = Message::parse(PLAIN.as_bytes()) else {
        panic!("a request")
    };
    let accept = request
        .headers
        .typed::<rsip::headers::Accept>("Accept")
        .unwrap()
        .unwrap();
    assert_eq!(accept.0.len(), 3);
    let challenge = request
        .headers
        .typed::<rsip::headers::WwwAuthenticate>("WWW-Authenticate")
        .unwrap()
        .unwrap();
    assert_eq!(
        (challenge.realm.as_str(), challenge.nonce.as_str()),
        ("atlanta.com", "84a4")
    );
    assert!(
        request
            .headers
            .typed::<rsip::headers::Warning>("Warning")
            .is_none()
    );
}

/// What RFC 3261 allows and `rsip` 0.4 refuses or misreads.
#[test]
fn where_our_own_types_stand_in_the_place_of_theirs() {
    let theirs = |text: &str| rsip::SipMessage::try_from(text.as_bytes());
    let ours = |text: &str| Message::parse(text.as_bytes());
    let refused = [
        (
            "a folded line",
            PLAIN.replace("Max-Forwards: 70", "Subject: a\r\n b\r\nMax-Forwards: 70"),
        ),
        (
            "a space before the colon",
            PLAIN.replace("Call-ID:", "Call-ID :"),
        ),
        (
            "tel: URI",
            PLAIN.replace(
                "sip:bob@biloxi.com:5070;transport=tcp",
                "tel:+1-201-555-0123",
            ),
        ),
        (
            "urn: URI",
            PLAIN.replace("sip:bob@biloxi.com:5070;transport=tcp", "urn:service:sos"),
        ),
        ("an unknown method", PLAIN.replace("INVITE", "VENDOR")),
    ];
    for (name, text) in refused {
        assert!(ours(&text).is_ok(), "{name}");
        assert!(theirs(&text).is_err(), "{name}: rsip reads it now");
    }
    let compact = PLAIN.replace("Via:", "v:");
    assert!(ours(&compact).is_ok());
    assert!(
        theirs(&compact).is_ok_and(|message| message.via_header().is_err()),
        "compact names: rsip reads them now"
    );
    let latin = [PLAIN.as_bytes(), b""]
        .concat()
        .iter()
        .map(|&byte| if byte == b'B' { 0xe9 } else { byte })
        .collect::<Vec<_>>();
    assert!(Message::parse(&latin).is_ok_and(|message| {
        message
            .headers()
            .to()
            .is_ok_and(|to| to.display.as_deref() == Some("éob"))
    }));
    assert!(
        rsip::SipMessage::try_from(latin.as_slice()).is_err(),
        "Latin-1: rsip reads it now"
    );
    assert!(
        "tel:+1"
            .parse::<Uri>()
            .is_ok_and(|uri| rsip::Uri::try_from(&uri).is_err())
    );
    let valid = [
        "wsinv",
        "intmeth",
        "esc01",
        "escnull",
        "esc02",
        "lwsdisp",
        "longreq",
        "dblreq",
        "semiuri",
        "transports",
        "mpart01",
    ];
    let refused: Vec<_> = torture::messages()
        .into_iter()
        .filter(|(name, bytes)| {
            valid.contains(name) && rsip::SipMessage::try_from(bytes.as_slice()).is_err()
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        refused,
        ["wsinv", "intmeth", "esc01", "esc02", "longreq", "semiuri"],
        "valid messages of RFC 4475 that rsip refuses"
    );
}
