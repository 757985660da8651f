use super::*;

fn capabilities() -> Capabilities {
    Capabilities {
        address: "192.0.2.10".parse().unwrap(),
        port: 30000,
        codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722],
        ptime_ms: 20,
        telephone_event: Some(101),
    }
}

fn leg() -> Negotiation {
    Negotiation::new(capabilities(), 42)
}

/// A description with this `c=` address and these lines from the first `m=` on.
fn sdp(address: &str, media: &str) -> String {
    let kind = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 1 1 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n{media}\r\n"
    )
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn media_of(description: &str) -> String {
    let lines: Vec<_> = description
        .lines()
        .skip_while(|line| !line.starts_with("m="))
        .collect();
    lines.join("\n")
}

/// The `m=` lines and their direction, as `audio 30000 RTP/AVP 8 101 sendrecv|video 0 ...`.
fn summary(description: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in description.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            parts.push(media.to_owned());
        } else if let Some(last) = parts.last_mut()
            && ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"].contains(&line)
        {
            last.push(' ');
            last.push_str(&line[2..]);
        }
    }
    parts.join("|")
}

/// Name, `c=` address, media; the answer's media, codec, its payload type, that of events, ptime, held.
type Answered = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Codec,
    u8,
    Option<u8>,
    u16,
    bool,
);

#[test]
fn answers_to_offers() {
    #[rustfmt::skip]
    let table: &[Answered] = &[
        ("plain", "198.51.100.1", "m=audio 4000 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16",
            "audio 30000 RTP/AVP 0 101 sendrecv", Codec::Pcmu, 0, Some(101), 20, false),
        ("the offer's order counts", "198.51.100.1", "m=audio 4000 RTP/AVP 18 9 8 0",
            "audio 30000 RTP/AVP 9 sendrecv", Codec::G722, 9, None, 20, false),
        ("the offer's numbers", "198.51.100.1", "m=audio 4000 RTP/AVP 100 96\na=rtpmap:96 TELEPHONE-EVENT/8000\na=rtpmap:100 pcma/8000/1",
            "audio 30000 RTP/AVP 100 96 sendrecv", Codec::Pcma, 100, Some(96), 20, false),
        ("a mapping goes before the static assignment", "198.51.100.1", "m=audio 4000 RTP/AVP 0 8\na=rtpmap:0 opus/48000/2",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 20, false),
        ("events of other clocks", "198.51.100.1", "m=audio 4000 RTP/AVP 8 110 97\na=rtpmap:110 telephone-event/48000\na=rtpmap:97 telephone-event/8000",
            "audio 30000 RTP/AVP 8 97 sendrecv", Codec::Pcma, 8, Some(97), 20, false),
        ("wide band and stereo are other formats", "198.51.100.1", "m=audio 4000 RTP/AVP 96 97 0\na=rtpmap:96 PCMU/16000\na=rtpmap:97 PCMU/8000/2",
            "audio 30000 RTP/AVP 0 sendrecv", Codec::Pcmu, 0, None, 20, false),
        ("rejected streams stay in order", "198.51.100.1", "m=image 5000 udptl t38\nm=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 31 96\na=rtpmap:96 H264/90000\nm=audio 4004 RTP/AVP 0",
            "image 0 udptl t38|audio 30000 RTP/AVP 8 sendrecv|video 0 RTP/AVP 31 96|audio 0 RTP/AVP 0", Codec::Pcma, 8, None, 20, false),
        ("SRTP beside RTP", "198.51.100.1", "m=audio 4000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=audio 4002 RTP/AVP 8",
            "audio 0 RTP/SAVP 8|audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 20, false),
        ("sendonly is hold", "198.51.100.1", "m=audio 4000 RTP/AVP 8\na=sendonly",
            "audio 30000 RTP/AVP 8 recvonly", Codec::Pcma, 8, None, 20, true),
        ("inactive is hold", "198.51.100.1", "a=inactive\nm=audio 4000 RTP/AVP 8",
            "audio 30000 RTP/AVP 8 inactive", Codec::Pcma, 8, None, 20, true),
        ("the stream's direction goes before the session's", "198.51.100.1", "a=inactive\nm=audio 4000 RTP/AVP 8\na=recvonly",
            "audio 30000 RTP/AVP 8 sendonly", Codec::Pcma, 8, None, 20, false),
        ("hold of RFC 2543", "0.0.0.0", "m=audio 4000 RTP/AVP 8",
            "audio 30000 RTP/AVP 8 recvonly", Codec::Pcma, 8, None, 20, true),
        ("the stream's own address", "0.0.0.0", "m=audio 4000 RTP/AVP 8\nc=IN IP4 198.51.100.2",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 20, false),
        ("ptime", "198.51.100.1", "m=audio 4000 RTP/AVP 8\na=ptime:30",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 30, false),
        ("ptime that cannot be sent", "198.51.100.1", "m=audio 4000 RTP/AVP 8\na=ptime:60",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 40, false),
        ("maxptime", "198.51.100.1", "m=audio 4000 RTP/AVP 8\na=ptime:40\na=maxptime:15.5",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 10, false),
        ("ptime without sense", "198.51.100.1", "m=audio 4000 RTP/AVP 8\na=ptime:0\na=maxptime:x",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 20, false),
        ("ICE is passed over", "198.51.100.1", "a=ice-lite\nm=audio 4000 RTP/AVP 8\na=candidate:1 1 UDP 1 10.0.0.1 9 typ host\na=rtcp-mux",
            "audio 30000 RTP/AVP 8 sendrecv", Codec::Pcma, 8, None, 20, false),
    ];
    for (name, address, media, answer, codec, payload_type, events, ptime, held) in table {
        let (answered, audio) = leg()
            .answer(sdp(address, media).as_bytes())
            .unwrap_or_else(|reject| panic!("{name}: {reject}"));
        let answered = text(answered);
        assert_eq!(summary(&answered), *answer, "{name}");
        assert!(answered.contains(&format!("a=ptime:{ptime}\r\n")), "{name}");
        assert_eq!(audio.codec, *codec, "{name}");
        assert_eq!(audio.payload_type, *payload_type, "{name}");
        assert_eq!(
            audio.receive_payload_types,
            [(*payload_type, *codec)],
            "{name}"
        );
        let event = |number| TelephoneEvent {
            send_payload_type: number,
            receive_payload_type: number,
            clock_rate: 8000,
        };
        assert_eq!(audio.telephone_event, events.map(event), "{name}");
        assert_eq!(audio.ptime_ms, *ptime, "{name}");
        assert_eq!(audio.held, *held, "{name}");
        assert!(answer.contains(audio.direction.attribute()), "{name}");
    }
}

#[test]
fn the_whole_answer() {
    let offer = sdp(
        "198.51.100.1",
        "m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=rtcp:4009 IN IP4 198.51.100.9",
    );
    let (answer, audio) = leg()
        .answer(offer.replace("t=0 0", "t=5 6").as_bytes())
        .unwrap();
    assert_eq!(
        text(answer),
        "v=0\r\no=vireo 42 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=5 6\r\n\
         m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    );
    assert_eq!(audio.remote, "198.51.100.1:4000".parse().unwrap());
    assert_eq!(audio.remote_rtcp, "198.51.100.9:4009".parse().unwrap());
}

#[test]
fn offers_that_are_refused() {
    let table = [
        ("nothing to read", "hello".to_owned(), 400, "399"),
        ("no media", sdp("198.51.100.1", ""), 488, "304"),
        (
            "no audio",
            sdp("198.51.100.1", "m=video 4000 RTP/AVP 31"),
            488,
            "304",
        ),
        (
            "only stopped audio",
            sdp("198.51.100.1", "m=audio 0 RTP/AVP 0"),
            488,
            "304",
        ),
        (
            "no codec of ours",
            sdp("198.51.100.1", "m=audio 4000 RTP/AVP 18 3"),
            488,
            "305",
        ),
        (
            "SRTP only",
            sdp("198.51.100.1", "m=audio 4000 RTP/SAVP 0"),
            488,
            "302",
        ),
        (
            "multicast",
            sdp("224.2.1.1/127", "m=audio 4000 RTP/AVP 0"),
            488,
            "330",
        ),
        (
            "IPv6",
            sdp("2001:db8::1", "m=audio 4000 RTP/AVP 0"),
            488,
            "300",
        ),
        (
            "a name",
            sdp("pbx.example.com", "m=audio 4000 RTP/AVP 0"),
            488,
            "301",
        ),
        (
            "no address",
            "v=0\no=- 1 1 IN IP4 198.51.100.1\nm=audio 4000 RTP/AVP 0\n".into(),
            400,
            "399",
        ),
    ];
    for (name, offer, status, warning) in table {
        let mut leg = leg();
        let reject = leg.answer(offer.as_bytes()).unwrap_err();
        assert_eq!(reject.status, status, "{name}");
        assert!(
            reject.warning.starts_with(warning),
            "{name}: {}",
            reject.warning
        );
        assert_eq!(leg, self::leg(), "{name}: a refusal changes nothing");
    }
}

#[test]
fn ipv6_on_both_sides() {
    let mut leg = Negotiation::new(
        Capabilities {
            address: "2001:db8::10".parse().unwrap(),
            ..capabilities()
        },
        1,
    );
    let (answer, audio) = leg
        .answer(sdp("2001:db8::1", "m=audio 4000 RTP/AVP 0").as_bytes())
        .unwrap();
    assert!(text(answer).contains("c=IN IP6 2001:db8::10\r\n"));
    assert_eq!(audio.remote, "[2001:db8::1]:4000".parse().unwrap());
    assert_eq!(audio.remote_rtcp, "[2001:db8::1]:4001".parse().unwrap());
    let (_, audio) = leg
        .answer(sdp("::", "m=audio 4000 RTP/AVP 0").as_bytes())
        .unwrap();
    assert!(audio.held);
}

#[test]
fn hold_and_resume_change_the_version_only_when_the_answer_changes() {
    let mut leg = leg();
    let version = |answer: Vec<u8>| {
        text(answer)
            .lines()
            .nth(1)
            .unwrap()
            .split(' ')
            .nth(2)
            .unwrap()
            .to_owned()
    };
    let active = sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8");
    let moved = sdp("198.51.100.2", "m=audio 5000 RTP/AVP 8");
    let held = sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8\na=sendonly");
    for (offer, expected_version, expected_held) in [
        (&active, "1", false),
        (&active, "1", false),
        (&moved, "1", false),
        (&held, "2", true),
        (&active, "3", false),
    ] {
        let (answer, audio) = leg.answer(offer.as_bytes()).unwrap();
        assert_eq!(
            (version(answer).as_str(), audio.held),
            (expected_version, expected_held)
        );
    }
    // A refused re-offer leaves all as it was.
    let before = leg.clone();
    assert_eq!(
        leg.answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 18").as_bytes())
            .unwrap_err()
            .status,
        488
    );
    assert_eq!(leg, before);
}

#[test]
fn a_stream_can_be_stopped_and_come_back() {
    let mut leg = leg();
    leg.answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8").as_bytes())
        .unwrap();
    let (answer, audio) = leg
        .answer(sdp("198.51.100.1", "m=audio 0 RTP/AVP 8").as_bytes())
        .unwrap();
    assert_eq!(summary(&text(answer)), "audio 0 RTP/AVP 8 inactive");
    assert!(audio.held && audio.direction == Direction::Inactive);
    let (answer, audio) = leg
        .answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8").as_bytes())
        .unwrap();
    assert_eq!(summary(&text(answer)), "audio 30000 RTP/AVP 8 sendrecv");
    assert!(!audio.held);
}

#[test]
fn we_can_hold_too() {
    let mut leg = leg();
    leg.answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8").as_bytes())
        .unwrap();
    leg.set_direction(Direction::SendOnly);
    let (answer, audio) = leg
        .answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8").as_bytes())
        .unwrap();
    assert_eq!(summary(&text(answer)), "audio 30000 RTP/AVP 8 sendonly");
    assert_eq!((audio.direction, audio.held), (Direction::SendOnly, false));
    // Both on hold (RFC 3264, 8.4).
    let (answer, _) = leg
        .answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8\na=sendonly").as_bytes())
        .unwrap();
    assert_eq!(summary(&text(answer)), "audio 30000 RTP/AVP 8 inactive");
}

#[test]
fn our_offer_and_its_answer() {
    let mut leg = leg();
    let offer = text(leg.offer(Direction::SendRecv));
    assert_eq!(
        media_of(&offer),
        "m=audio 30000 RTP/AVP 8 0 9 101\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:9 G722/8000\n\
         a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv"
    );
    let answer = sdp(
        "198.51.100.1",
        "m=audio 4000 RTP/AVP 0 8 98\na=rtpmap:98 telephone-event/8000\na=recvonly",
    );
    let audio = leg.accept_answer(answer.as_bytes()).unwrap();
    assert_eq!((audio.codec, audio.payload_type), (Codec::Pcmu, 0));
    assert_eq!(
        audio.receive_payload_types,
        [(0, Codec::Pcmu), (8, Codec::Pcma)]
    );
    let event = audio.telephone_event.unwrap();
    assert_eq!(
        (event.send_payload_type, event.receive_payload_type),
        (98, 101)
    );
    assert_eq!(audio.direction, Direction::SendOnly);
    assert_eq!(
        leg.accept_answer(answer.as_bytes()).unwrap_err().status,
        400,
        "no offer is open"
    );
}

#[test]
fn answers_that_are_refused() {
    let table = [
        ("nothing to read", "x".to_owned(), 400),
        (
            "the stream is refused",
            sdp("198.51.100.1", "m=audio 0 RTP/AVP 8"),
            488,
        ),
        ("no stream", sdp("198.51.100.1", ""), 488),
        (
            "another stream",
            sdp("198.51.100.1", "m=video 4000 RTP/AVP 31"),
            488,
        ),
        (
            "no codec of ours",
            sdp("198.51.100.1", "m=audio 4000 RTP/AVP 18"),
            488,
        ),
        (
            "another family",
            sdp("2001:db8::1", "m=audio 4000 RTP/AVP 8"),
            488,
        ),
    ];
    for (name, answer, status) in table {
        let mut leg = leg();
        leg.offer(Direction::SendRecv);
        assert_eq!(
            leg.accept_answer(answer.as_bytes()).unwrap_err().status,
            status,
            "{name}"
        );
        assert!(!leg.is_pending(), "{name}");
        assert_eq!(leg.audio(), None, "{name}");
    }
}

#[test]
fn a_late_offer_is_ours_and_the_answer_comes_in_the_ack() {
    let (mut called, mut caller) = (leg(), Negotiation::new(capabilities(), 7));
    let offer = called.offer(Direction::SendRecv);
    assert!(called.is_pending());
    let (answer, _) = caller.answer(&offer).unwrap();
    let audio = called.accept_answer(&answer).unwrap();
    assert_eq!(
        (audio.codec, audio.direction, audio.held),
        (Codec::Pcma, Direction::SendRecv, false)
    );
    assert_eq!(caller.audio().map(|audio| audio.codec), Some(Codec::Pcma));
}

#[test]
fn a_new_offer_in_a_session_keeps_its_streams_and_numbers() {
    let mut leg = leg();
    let offer = sdp(
        "198.51.100.1",
        "m=video 4002 RTP/AVP 31\nm=audio 4000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000",
    );
    leg.answer(offer.as_bytes()).unwrap();
    let hold = text(leg.offer(Direction::SendOnly));
    assert_eq!(
        summary(&hold),
        "video 0 RTP/AVP 31|audio 30000 RTP/AVP 8 0 9 96 sendonly"
    );
    let audio = leg.accept_answer(sdp("198.51.100.1", "m=video 0 RTP/AVP 31\nm=audio 4000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\na=recvonly").as_bytes());
    assert_eq!(audio.map(|audio| audio.direction), Ok(Direction::SendOnly));
    // An offer that was refused never counts: the next has another version though it reads the same.
    let again = text(leg.offer(Direction::SendRecv));
    leg.discard_offer();
    assert_eq!(
        leg.audio().map(|audio| audio.direction),
        Some(Direction::SendOnly)
    );
    assert_ne!(text(leg.offer(Direction::SendRecv)), again);
}

#[test]
fn the_state_can_be_stored() {
    let mut leg = leg();
    leg.answer(sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8").as_bytes())
        .unwrap();
    leg.offer(Direction::SendOnly);
    let stored = serde_json::to_string(&leg).unwrap();
    let mut restored: Negotiation = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, leg);
    let answer = sdp("198.51.100.1", "m=audio 4000 RTP/AVP 8\na=recvonly");
    assert_eq!(
        restored.accept_answer(answer.as_bytes()),
        leg.accept_answer(answer.as_bytes())
    );
}
