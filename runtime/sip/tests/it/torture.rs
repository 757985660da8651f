//! The torture test messages of RFC 4475, all 49, and what becomes of each.
//!
//! `rfc4475.txt` holds them in the notation of the RFC's section 2: lines end in CRLF, `<hex>` stands for bytes and
//! `<repeat>` for repetition.

use vireo_sip::message::{Message, Method, Request, Response, Scheme};

/// What must become of a message.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It is a request that goes up to the transaction layer.
    Request,
    /// It is a response that goes up.
    Response,
    /// It is refused with this answer.
    Answered(u16, &'static str),
    /// It is dropped in silence.
    Dropped,
}

use Outcome::{Answered, Dropped};

#[rustfmt::skip]
const OUTCOMES: [(&str, Outcome); 49] = [
    // 3.1.1 valid messages
    ("wsinv", Outcome::Request),
    ("intmeth", Outcome::Request),
    ("esc01", Outcome::Request),
    ("escnull", Outcome::Request),
    ("esc02", Outcome::Request),
    ("lwsdisp", Outcome::Request),
    ("longreq", Outcome::Request),
    ("dblreq", Outcome::Request),
    ("semiuri", Outcome::Request),
    ("transports", Outcome::Request),
    ("mpart01", Outcome::Request),
    ("unreason", Outcome::Response),
    ("noreason", Outcome::Response),
    // 3.1.2 invalid messages
    ("badinv01", Answered(400, "Malformed Via")),
    ("clerr", Answered(400, "Content-Length beyond the end of the message")),
    ("ncl", Answered(400, "Malformed Content-Length")),
    ("scalar02", Answered(400, "Malformed CSeq")),
    ("scalarlg", Dropped),
    ("quotbal", Answered(400, "Malformed To")),
    ("ltgtruri", Answered(400, "Malformed Request-URI")),
    ("lwsruri", Answered(400, "Malformed Request-URI")),
    ("lwsstart", Answered(400, "Malformed Request-URI")),
    // Liberal, as the RFC allows: white space at the end of the line means nothing.
    ("trws", Outcome::Request),
    ("escruri", Answered(400, "Header fields in the Request-URI")),
    // Liberal, as the RFC allows: we never look at Date.
    ("baddate", Outcome::Request),
    ("regbadct", Answered(400, "Malformed Contact")),
    // Liberal, as the RFC allows: what is meant is plain.
    ("badaspec", Outcome::Request),
    ("baddn", Outcome::Request),
    ("badvers", Answered(505, "Version Not Supported")),
    ("mismatch01", Answered(400, "CSeq of another method")),
    ("mismatch02", Answered(400, "CSeq of another method")),
    ("bigcode", Dropped),
    // 3.2 transaction layer
    ("badbranch", Answered(400, "Via branch names no transaction")),
    // 3.3 application layer: what is well-formed goes up, and is answered there
    ("insuf", Answered(400, "Missing or several From")),
    ("unkscm", Outcome::Request),
    ("novelsc", Outcome::Request),
    ("unksm2", Outcome::Request),
    ("bext01", Outcome::Request),
    ("invut", Outcome::Request),
    ("regaut01", Outcome::Request),
    ("multi01", Answered(400, "Missing or several From")),
    ("mcl01", Answered(400, "Several Content-Length headers")),
    ("bcast", Outcome::Response),
    ("zeromf", Outcome::Request),
    ("cparam01", Outcome::Request),
    ("cparam02", Outcome::Request),
    ("regescrt", Outcome::Request),
    ("sdp01", Outcome::Request),
    // 3.4 RFC 2543
    ("inv2543", Outcome::Request),
];

/// All messages, as they go on the wire.
pub fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let split = include_str!("rfc4475.txt").split("### ").skip(1);
    split
        .map(|part| {
            let (title, text) = part.split_once('\n').unwrap();
            (title.split(' ').next().unwrap(), expand(text))
        })
        .collect()
}

/// From the RFC's notation to bytes.
fn expand(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest
        .find("<hex>")
        .into_iter()
        .chain(rest.find("<repeat count="))
        .min()
    {
        bytes.extend(rest[..at].replace('\n', "\r\n").bytes());
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<hex>") {
            let (hex, after) = after.split_once("</hex>").unwrap();
            bytes.extend(
                (0..hex.len())
                    .step_by(2)
                    .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()),
            );
            rest = after;
        } else {
            let (count, after) = rest["<repeat count=".len()..].split_once('>').unwrap();
            let (repeated, after) = after.split_once("</repeat>").unwrap();
            bytes.extend(repeated.repeat(count.parse().unwrap()).bytes());
            rest = after;
        }
    }
    bytes.extend(rest.replace('\n', "\r\n").bytes());
    bytes
}

fn message(name: &str) -> Vec<u8> {
    messages()
        .into_iter()
        .find(|(candidate, _)| *candidate == name)
        .unwrap()
        .1
}

fn request(name: &str) -> Request {
    match Message::parse(&message(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn response(name: &str) -> Response {
    match Message::parse(&message(name)) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_message_comes_out_as_it_must() {
    let messages = messages();
    assert_eq!(messages.len(), OUTCOMES.len());
    for ((name, bytes), (expected_name, expected)) in messages.iter().zip(&OUTCOMES) {
        assert_eq!(name, expected_name);
        let parsed = Message::parse(bytes);
        match (&parsed, expected) {
            (Ok(Message::Request(_)), Outcome::Request)
            | (Ok(Message::Response(_)), Outcome::Response) => {}
            (Err(error), Dropped) => assert_eq!(error.reply(), None, "{name}"),
            (Err(error), Answered(status, reason)) => {
                let reply = error
                    .reply()
                    .unwrap_or_else(|| panic!("{name}: no answer, {error}"));
                assert_eq!(
                    (reply.status, reply.reason.as_str()),
                    (*status, *reason),
                    "{name}"
                );
            }
            _ => panic!("{name}: {parsed:?}, not {expected:?}"),
        }
    }
}

/// The answer to a refused request must itself be a message (unless what it must repeat is what was malformed), go back
/// along the same Vias, and have a To tag that is the same each time.
#[test]
fn the_answers_are_messages() {
    for (name, bytes) in messages() {
        let Err(error) = Message::parse(&bytes) else {
            continue;
        };
        let Some(reply) = error.reply() else { continue };
        assert_eq!(
            Message::parse(&bytes).unwrap_err().reply(),
            Some(reply),
            "{name}"
        );
        let mut wire = Vec::new();
        reply.encode(&mut wire);
        let again = Message::parse(&wire);
        let repeats_the_fault = [
            "badinv01",
            "scalar02",
            "quotbal",
            "badvers",
            "badbranch",
            "insuf",
            "multi01",
        ]
        .contains(&name);
        assert_eq!(again.is_err(), repeats_the_fault, "{name}: {again:?}");
        if let Ok(to) = reply.headers.to() {
            assert!(to.tag().is_some(), "{name}");
        }
    }
}

#[test]
fn what_was_read_is_printed_and_read_again() {
    for (name, bytes) in messages() {
        let Ok(parsed) = Message::parse(&bytes) else {
            continue;
        };
        let mut wire = Vec::new();
        parsed.encode(&mut wire);
        assert_eq!(
            Message::parse(&wire).as_ref(),
            Ok(&parsed),
            "{name}: {}",
            String::from_utf8_lossy(&wire)
        );
    }
}

#[test]
fn wsinv_is_read_to_the_last_detail() {
    let request = request("wsinv");
    let headers = &request.headers;
    assert!(request.uri.params.contains("unknownparam"));
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!(
        (from.display.as_deref(), from.tag()),
        (Some("J Rosenberg \\\""), Some("98asjd8"))
    );
    assert_eq!(headers.max_forwards(), Some(68));
    assert_eq!(
        headers.cseq().map(|cseq| (cseq.number, cseq.method)),
        Ok((9, Method::Invite))
    );
    assert_eq!(headers.get("Subject"), Some(&b""[..]));
    assert_eq!(
        headers
            .get_text("newfangledheader")
            .unwrap()
            .split_whitespace()
            .count(),
        5
    );
    assert_eq!(
        headers.get("UnknownHeaderWithUnusualValue"),
        Some(&b";;,,;;,;"[..])
    );
    let vias: Vec<_> = headers.vias().map(|via| via.unwrap().to_string()).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239",
        ]
    );
    let route = &headers.routes().unwrap()[0].uri;
    assert!(route.lr());
    assert_eq!(route.params.get("unknownwith"), Some("value"));
    let contact = &headers.contacts().unwrap()[0];
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(
        contact.params.to_string(),
        ";newparam=newvalue;secondparam;q=0.33"
    );
    assert_eq!(request.body.len(), 150);
    assert!(request.sdp().is_some_and(|sdp| {
        let sdp = std::str::from_utf8(sdp).unwrap();
        vireo_sip::sdp::Session::parse(sdp).is_ok_and(|sdp| sdp.media.len() == 2)
    }));
}

#[test]
fn other_valid_messages_mean_what_they_must() {
    let intmeth = request("intmeth");
    assert_eq!(
        intmeth.method.as_str(),
        "!interesting-Method0123456789_*+`.%indeed'~"
    );
    assert_eq!(
        intmeth.uri.password.as_deref(),
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    assert_eq!(
        intmeth.headers.to().unwrap().display.as_deref(),
        Some("BEL:\u{7} NUL:\0 DEL:\u{7f}")
    );
    assert_eq!(
        intmeth.headers.from().unwrap().tag(),
        Some("_token~1'+`*%!-.")
    );
    assert_eq!(
        intmeth.headers.call_id().unwrap(),
        b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    );

    let esc01 = request("esc01");
    assert_eq!(
        esc01.uri.user_decoded().as_deref(),
        Some("sips:user@example.com")
    );
    let contact = &esc01.headers.contacts().unwrap()[0].uri;
    assert!(
        contact.is_equivalent(
            &"sip:caller@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31"
                .parse()
                .unwrap()
        )
    );
    assert!(
        !contact.lr(),
        "an escaped name is another name until it is unescaped"
    );

    assert_eq!(request("escnull").headers.contacts().unwrap().len(), 2);
    assert_eq!(
        request("esc02").method,
        Method::Other("RE%47IST%45R".into())
    );
    assert_eq!(request("esc02").headers.contacts().unwrap().len(), 2);
    assert_eq!(request("longreq").headers.vias().count(), 34);
    assert_eq!(
        (request("dblreq").method, request("dblreq").body.len()),
        (Method::Register, 0)
    );
    assert_eq!(
        request("semiuri").uri.user.as_deref(),
        Some("user;par=u%40example.net")
    );
    assert_eq!(request("semiuri").headers.all("Accept").count(), 6);
    let transports = request("transports")
        .headers
        .vias()
        .map(|via| via.unwrap().transport.as_str().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    let mpart01 = request("mpart01");
    assert_eq!(mpart01.body.len(), 553);
    assert!(
        mpart01
            .body
            .windows(4)
            .any(|window| window == [0x30, 0x82, 0x01, 0x52]),
        "binary parts stay as they are"
    );
    assert!(response("unreason").reason.ends_with("простое"));
    assert_eq!(
        (
            response("noreason").status,
            response("noreason").reason.as_str()
        ),
        (100, "")
    );
}

#[test]
fn well_formed_requests_for_the_layers_above() {
    assert_eq!(
        request("unkscm").uri.scheme,
        Scheme::Other("nobodyknowsthisscheme".into())
    );
    assert_eq!(
        request("novelsc").uri.to_string(),
        "soap.beep://192.0.2.103:3002"
    );
    assert_eq!(
        request("unksm2").headers.to().unwrap().uri.to_string(),
        "isbn:2983792873"
    );
    assert_eq!(
        request("bext01").headers.require().collect::<Vec<_>>(),
        ["nothingSupportsThis", "nothingSupportsThisEither"]
    );
    assert!(
        request("invut")
            .headers
            .content_type()
            .unwrap()
            .is("application", "unknownformat")
    );
    assert_eq!(request("zeromf").headers.max_forwards(), Some(0));
    assert!(
        request("cparam01").headers.contacts().unwrap()[0]
            .params
            .contains("unknownparam")
    );
    assert!(
        request("cparam02").headers.contacts().unwrap()[0]
            .uri
            .params
            .contains("unknownparam")
    );
    assert_eq!(
        request("regescrt").headers.contacts().unwrap()[0]
            .uri
            .headers,
        "Route=%3Csip:sip.example.com%3E"
    );
    let inv2543 = request("inv2543");
    assert_eq!(
        (
            inv2543.headers.from().unwrap().tag(),
            inv2543.headers.via().unwrap().branch()
        ),
        (None, None)
    );
    assert!(inv2543.sdp().is_some());
    assert_eq!(
        response("bcast").headers.via().unwrap().host.to_string(),
        "192.0.2.198"
    );
}
