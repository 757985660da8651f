//! Messages broken at random: nothing may panic, and what is accepted must survive being printed.

use crate::torture;
use proptest::prelude::*;
use std::fmt::Display;
use std::str::FromStr;
use vireo_sip::message::stream::Framer;
use vireo_sip::message::{Message, NameAddr, Uri, Via};
use vireo_sip::offer_answer::{Capabilities, Codec, Direction, Negotiation};
use vireo_sip::sdp::Session;

/// Touches every typed view.
fn look_at_everything(message: &Message) {
    let headers = message.headers();
    let _ = (
        headers.via(),
        headers.from(),
        headers.to(),
        headers.cseq(),
        headers.call_id(),
        headers.contacts(),
    );
    let _ = (
        headers.routes(),
        headers.record_routes(),
        headers.max_forwards(),
        headers.content_type(),
    );
    let _ = (
        headers.expires(),
        headers.retry_after(),
        headers.reason(),
        headers.user_agent(),
    );
    let _ = (
        headers.p_asserted_identity(),
        headers.diversion(),
        format!("{headers:?}"),
    );
    let _ = headers.vias().count()
        + headers.require().count()
        + headers.supported().count()
        + headers.allow().count();
    for (name, _) in headers.iter() {
        assert!(headers.lines(name).count() > 0);
        let _ = headers.all(name).count();
    }
    if let Message::Request(request) = message {
        let _ = (
            request.sdp(),
            request.uri.user_decoded(),
            request.uri.maddr(),
            request.uri.is_equivalent(&request.uri),
        );
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Message::parse(bytes) {
        Ok(message) => {
            look_at_everything(&message);
            let mut wire = Vec::new();
            message.encode(&mut wire);
            let again = Message::parse(&wire);
            prop_assert_eq!(
                again.as_ref(),
                Ok(&message),
                "{}",
                String::from_utf8_lossy(&wire)
            );
            // And a framer, whatever it is given before, finds it whole.
            let mut framer = Framer::new();
            framer.push(&wire);
            prop_assert!(framer.poll().is_ok());
        }
        Err(error) => {
            if let Some(reply) = error.reply() {
                let mut wire = Vec::new();
                reply.encode(&mut wire);
                prop_assert!(wire.starts_with(b"SIP/2.0 "));
            }
        }
    }
    let mut framer = Framer::new();
    framer.push(bytes);
    while let Ok(Some(_)) = framer.poll() {}
    Ok(())
}

fn survives_printing<T: FromStr + Display + PartialEq>(value: &T) -> Result<(), TestCaseError> {
    let printed = value.to_string();
    prop_assert!(
        printed.parse::<T>().is_ok_and(|again| again == *value),
        "{printed}"
    );
    Ok(())
}

#[derive(Debug, Clone)]
enum Mutation {
    Replace(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Copy(usize, usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = 0..4096_usize;
    let piece = prop_oneof![
        any::<Vec<u8>>().prop_map(|mut bytes| {
            bytes.truncate(16);
            bytes
        }),
        prop::sample::select(vec![
            "\r\n",
            "\n",
            "\r",
            " ",
            "\"",
            "\\",
            "<",
            ">",
            ";",
            ",",
            ":",
            "=",
            "@",
            "?",
            "%",
            "[",
            "]",
            "\0",
            "SIP/2.0",
            "\r\n ",
            "Via:",
            "l:-1\r\n",
            "99999999999999999999",
            "é",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (at.clone(), piece).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at.clone(), 1..40_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (at.clone(), at, 1..200_usize)
            .prop_map(|(from, to, count)| Mutation::Copy(from, to, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: Mutation) {
    let within = |at: usize, bytes: &[u8]| at % (bytes.len() + 1);
    match mutation {
        Mutation::Replace(at, byte) => {
            let at = within(at, bytes);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        Mutation::Insert(at, piece) => {
            let at = within(at, bytes);
            bytes.splice(at..at, piece);
        }
        Mutation::Remove(at, count) => {
            let at = within(at, bytes);
            bytes.drain(at..(at + count).min(bytes.len()));
        }
        Mutation::Copy(from, to, count) => {
            let (from, to) = (within(from, bytes), within(to, bytes));
            let piece = bytes[from..(from + count).min(bytes.len())].to_vec();
            bytes.splice(to..to, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_messages(which in 0..49_usize, mutations in prop::collection::vec(mutation(), 1..8)) {
        let (_, mut bytes) = torture::messages().swap_remove(which);
        for mutation in mutations {
            apply(&mut bytes, mutation);
        }
        check(&bytes)?;
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check(&bytes)?;
    }

    #[test]
    fn addresses_survive_printing(text in "[ -~\u{80}-\u{ff}]{0,60}") {
        if let Ok(address) = text.parse::<NameAddr>() {
            survives_printing(&address)?;
        }
        if let Ok(uri) = text.parse::<Uri>() {
            survives_printing(&uri)?;
        }
        if let Ok(via) = text.parse::<Via>() {
            survives_printing(&via)?;
        }
    }

    #[test]
    fn likely_addresses_survive_printing(
        display in "(\"([a-z \\\\<>;,é]|\\\\\"){0,8}\"|[a-z ,.]{0,8}) ?",
        uri in "(sip|tel|x-y):[a-z0-9@:;=?&%.+]{1,24}",
        params in "(; ?[a-z]{1,4}( ?= ?([a-z0-9.]{1,5}|\"[a-z;,<>é ]{0,6}\"))?){0,3}",
    ) {
        for text in [format!("{display}<{uri}>{params}"), format!("{uri}{params}")] {
            if let Ok(address) = text.parse::<NameAddr>() {
                survives_printing(&address)?;
            }
        }
    }

    #[test]
    fn broken_descriptions(mutations in prop::collection::vec(mutation(), 0..8)) {
        let mut bytes = b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=rtcp:4001\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n".to_vec();
        for mutation in mutations {
            apply(&mut bytes, mutation);
        }
        let text = text(&bytes);
        if let Ok(session) = Session::parse(&text) {
            let printed = session.to_string();
            let again = Session::parse(&printed);
            prop_assert_eq!(again.map(|session| session.media), Ok(without_other(session).media));
        }
        let capabilities = Capabilities {
            address: "192.0.2.1".parse().unwrap(), port: 4, codecs: vec![Codec::Pcmu], ptime_ms: 20, telephone_event: Some(101),
        };
        let mut leg = Negotiation::new(capabilities, 1);
        if let Ok((answer, audio)) = leg.answer(&bytes) {
            let answer = String::from_utf8(answer).unwrap();
            let answer = Session::parse(&answer).unwrap();
            let offered = Session::parse(&text).unwrap().media.len();
            prop_assert_eq!(answer.media.len(), offered, "a stream for each stream");
            prop_assert!([10, 20, 30, 40].contains(&audio.ptime_ms));
        }
        leg.offer(Direction::SendRecv);
        let _ = leg.accept_answer(&bytes);
    }
}

/// Bytes as they are read: UTF-8, else Latin-1.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().map(|&byte| char::from(byte)).collect(),
        str::to_owned,
    )
}

fn without_other(mut session: Session<'_>) -> Session<'_> {
    for media in &mut session.media {
        media.other.clear();
    }
    session
}
