//! The state of one leg's offers and answers.

use super::payload::{self, CLOCK_RATE, Payload};
use super::stream::{self, Peer};
use super::{Audio, Capabilities, Codec, Direction, Reject};
use crate::message::lex;
use crate::sdp::{Media, Session};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::IpAddr;

/// Room for a description of ours as it usually is, in bytes.
const USUAL_LENGTH: usize = 384;

/// Offers and answers of one leg. Plain data: it can be stored and taken up again in another process.
///
/// What is refused leaves the agreement as it was (RFC 3264, 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiation {
    capabilities: Capabilities,
    /// `o=` session identifier.
    session_id: u64,
    /// `o=` version of the last description of ours.
    version: u64,
    /// The directions that we want.
    wanted: Direction,
    /// Payload type of telephone-event that the session uses; numbers keep their meaning (RFC 3264, 8.3.2).
    event_payload_type: Option<u8>,
    /// The media descriptions of the session; their number and order stay (RFC 3264, 8).
    slots: Vec<Slot>,
    /// Our last description from `s=` on, to know whether the next one differs.
    local_body: Option<String>,
    /// Our last description.
    local: Option<String>,
    /// The peer's last description.
    remote: Option<String>,
    /// What was agreed on last.
    audio: Option<Audio>,
    /// An offer of ours that is not answered yet.
    pending: Option<Offer>,
}

/// One media description of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    kind: String,
    protocol: String,
    /// What a refusal repeats; empty for the stream that we use.
    formats: Vec<String>,
    /// Is it the stream that we use?
    ours: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offer {
    slots: Vec<Slot>,
    direction: Direction,
}

impl Negotiation {
    /// Nothing is agreed on yet. `session_id` must be unique among the sessions of this host (RFC 8866, 5.2).
    pub const fn new(capabilities: Capabilities, session_id: u64) -> Self {
        let event_payload_type = capabilities.telephone_event;
        Self {
            capabilities,
            session_id,
            version: 0,
            wanted: Direction::SendRecv,
            event_payload_type,
            slots: Vec::new(),
            local_body: None,
            local: None,
            remote: None,
            audio: None,
            pending: None,
        }
    }

    /// What was agreed on last.
    pub const fn audio(&self) -> Option<&Audio> {
        self.audio.as_ref()
    }

    /// Our last description, to be repeated as it is in retransmissions and in a 200 after a 183.
    pub fn local(&self) -> Option<&[u8]> {
        self.local.as_deref().map(str::as_bytes)
    }

    /// The peer's last description.
    pub fn remote(&self) -> Option<&[u8]> {
        self.remote.as_deref().map(str::as_bytes)
    }

    /// Is an offer of ours not answered yet?
    pub const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// The directions that we allow in answers from now on.
    pub const fn set_direction(&mut self, direction: Direction) {
        self.wanted = direction;
    }

    /// Where we listen from now on; the next offer or answer says so.
    pub const fn set_local(&mut self, address: IpAddr, port: u16) {
        self.capabilities.address = address;
        self.capabilities.port = port;
    }

    /// Answers an offer: the first audio stream that we can do with its first codec that we have, and telephone-event
    /// when it is offered; every other stream is refused with port 0, in its place (RFC 3264, 6).
    ///
    /// # Errors
    /// 400 when the offer cannot be read, 488 when it holds no stream that we can do.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Vec<u8>, Audio), Reject> {
        let text = lex::text(offer);
        let session = read(&text)?;
        let (index, chosen) = self.choose_stream(&session)?;
        let Chosen {
            peer,
            codec,
            payload_type,
            event,
        } = chosen;
        let media = session.media.get(index).ok_or_else(no_audio)?;
        let ptime_ms = stream::ptime(media, self.capabilities.ptime_ms);
        let direction = peer.direction.mirrored().and(self.wanted);
        let audio = Audio {
            remote: peer.rtp,
            remote_rtcp: peer.rtcp,
            codec,
            payload_type,
            receive_payload_types: vec![(payload_type, codec)],
            telephone_event: payload::agree_on_events(event, event),
            ptime_ms,
            direction,
            held: peer.held,
        };
        let slots = slots_of(&session, index);
        let ours = Ours {
            port: if media.port == 0 {
                0
            } else {
                self.capabilities.port
            },
            codecs: &[(payload_type, codec)],
            event,
            ptime_ms,
            direction,
        };
        let local = self.describe(&slots, &ours, session.timing);
        self.slots = slots;
        self.event_payload_type = event.or(self.event_payload_type);
        self.remote = Some(text);
        self.audio = Some(audio.clone());
        // Two offers at once cannot be: whoever gets here decided that ours was refused.
        self.pending = None;
        Ok((local, audio))
    }

    /// Makes an offer: of a new session, or of the same with other directions. The streams that were refused earlier
    /// keep their places.
    pub fn offer(&mut self, direction: Direction) -> Vec<u8> {
        self.wanted = direction;
        let codecs: Vec<_> = self
            .capabilities
            .codecs
            .iter()
            .map(|codec| (codec.static_payload_type(), *codec))
            .collect();
        let event = self
            .capabilities
            .telephone_event
            .and(self.event_payload_type);
        let ours = Ours {
            port: self.capabilities.port,
            codecs: &codecs,
            event,
            ptime_ms: self.capabilities.ptime_ms,
            direction,
        };
        let mut slots = self.slots.clone();
        if !slots.iter().any(|slot| slot.ours) {
            slots.push(Slot {
                kind: "audio".into(),
                protocol: "RTP/AVP".into(),
                formats: Vec::new(),
                ours: true,
            });
        }
        let local = self.describe(&slots, &ours, "0 0");
        self.pending = Some(Offer { slots, direction });
        local
    }

    /// Takes the answer to our offer in.
    ///
    /// # Errors
    /// 400 when it cannot be read or there is no offer, 488 when it refuses the stream or names no codec of ours.
    /// The offer is then over, the agreement before it stands.
    pub fn accept_answer(&mut self, answer: &[u8]) -> Result<Audio, Reject> {
        let Some(offer) = self.pending.take() else {
            return Err(Reject::new(400, 399, "An answer without an offer"));
        };
        let text = lex::text(answer);
        let session = read(&text)?;
        let index = offer.slots.iter().position(|slot| slot.ours);
        let media = index
            .and_then(|index| session.media.get(index))
            .filter(|media| media.kind == "audio");
        let media = media.filter(|media| media.port != 0).ok_or_else(no_audio)?;
        let peer = Peer::read(&session, media, self.capabilities.address)?;
        let payloads = payload::payloads(media);
        let common: Vec<_> = self.codecs_among(&payloads).collect();
        let (payload_type, codec) = *common.first().ok_or_else(no_codec)?;
        let receive_event = self
            .capabilities
            .telephone_event
            .and(self.event_payload_type);
        let audio = Audio {
            remote: peer.rtp,
            remote_rtcp: peer.rtcp,
            codec,
            payload_type,
            // The peer sends with the numbers of our offer (RFC 3264, 5.1).
            receive_payload_types: common
                .iter()
                .map(|(_, codec)| (codec.static_payload_type(), *codec))
                .collect(),
            telephone_event: payload::agree_on_events(
                payload::event_type(&payloads),
                receive_event,
            ),
            ptime_ms: stream::ptime(media, self.capabilities.ptime_ms),
            direction: peer.direction.mirrored().and(offer.direction),
            held: peer.held,
        };
        self.slots = offer.slots;
        self.remote = Some(text);
        self.audio = Some(audio.clone());
        Ok(audio)
    }

    /// Our offer was refused: the agreement before it stands.
    pub fn discard_offer(&mut self) {
        self.pending = None;
        // The peer never took it as the session's description, so the next one must count as another version.
        self.local_body = None;
    }

    /// The stream of an offer that we take up, with what was found in it; else the reason of the first refusal.
    fn choose_stream(&self, session: &Session<'_>) -> Result<(usize, Chosen), Reject> {
        let mut refusal = None;
        for (index, media) in session
            .media
            .iter()
            .enumerate()
            .filter(|(_, media)| media.kind == "audio")
        {
            if media.port == 0 {
                continue;
            }
            match self.consider(session, media) {
                Ok(chosen) => return Ok((index, chosen)),
                Err(reject) => {
                    refusal.get_or_insert(reject);
                }
            }
        }
        if refusal.is_none()
            && let Some(chosen) = self.stopped_stream(session)
        {
            return Ok(chosen);
        }
        Err(refusal.unwrap_or_else(no_audio))
    }

    fn consider(&self, session: &Session<'_>, media: &Media<'_>) -> Result<Chosen, Reject> {
        if !media.protocol.eq_ignore_ascii_case("RTP/AVP") {
            return Err(Reject::new(
                488,
                302,
                "Incompatible transport protocol: RTP/AVP only",
            ));
        }
        let peer = Peer::read(session, media, self.capabilities.address)?;
        let payloads = payload::payloads(media);
        let (payload_type, codec) = self.codecs_among(&payloads).next().ok_or_else(no_codec)?;
        let event = self
            .capabilities
            .telephone_event
            .and(payload::event_type(&payloads));
        Ok(Chosen {
            peer,
            codec,
            payload_type,
            event,
        })
    }

    /// A running stream whose port became 0: stopped, and to be answered likewise (RFC 3264, 8.2). It may come back.
    fn stopped_stream(&self, session: &Session<'_>) -> Option<(usize, Chosen)> {
        let audio = self.audio.as_ref()?;
        let index = self.slots.iter().position(|slot| slot.ours)?;
        let media = session
            .media
            .get(index)
            .filter(|media| media.kind == "audio" && media.port == 0)?;
        let peer = Peer::read(session, media, self.capabilities.address).unwrap_or(Peer {
            rtp: std::net::SocketAddr::new(audio.remote.ip(), 0),
            rtcp: std::net::SocketAddr::new(audio.remote.ip(), 0),
            direction: Direction::Inactive,
            held: true,
        });
        let event = audio.telephone_event.map(|event| event.send_payload_type);
        Some((
            index,
            Chosen {
                peer,
                codec: audio.codec,
                payload_type: audio.payload_type,
                event,
            },
        ))
    }

    fn codecs_among(&self, payloads: &[Payload]) -> impl Iterator<Item = (u8, Codec)> {
        payloads.iter().filter_map(|payload| match payload {
            Payload::Codec(number, codec) if self.capabilities.codecs.contains(codec) => {
                Some((*number, *codec))
            }
            _ => None,
        })
    }

    /// Prints a description with our stream in its slot and the others refused; the version goes up when anything else
    /// changed (RFC 3264, 8).
    fn describe(&mut self, slots: &[Slot], ours: &Ours<'_>, timing: &str) -> Vec<u8> {
        let address = self.capabilities.address;
        let kind = if address.is_ipv4() { "IP4" } else { "IP6" };
        let mut body = String::with_capacity(USUAL_LENGTH);
        // Writing into a String cannot fail.
        let _ = write!(body, "s=-\r\nc=IN {kind} {address}\r\nt={timing}\r\n");
        for slot in slots {
            if slot.ours {
                ours.print(&mut body);
            } else {
                slot.print_refusal(&mut body);
            }
        }
        if self.local_body.as_ref() != Some(&body) {
            self.version += 1;
        }
        let (session_id, version) = (self.session_id, self.version);
        let mut text = String::with_capacity(body.len() + 128);
        let _ = write!(
            text,
            "v=0\r\no=vireo {session_id} {version} IN {kind} {address}\r\n"
        );
        text.push_str(&body);
        self.local_body = Some(body);
        let sent = text.as_bytes().to_vec();
        self.local = Some(text);
        sent
    }
}

/// Our stream, as a description has it.
struct Ours<'a> {
    port: u16,
    codecs: &'a [(u8, Codec)],
    event: Option<u8>,
    ptime_ms: u16,
    direction: Direction,
}

impl Ours<'_> {
    /// The media description that offers or accepts the stream.
    fn print(&self, out: &mut String) {
        // Writing into a String cannot fail.
        let _ = write!(out, "m=audio {} RTP/AVP", self.port);
        for number in self
            .codecs
            .iter()
            .map(|(number, _)| *number)
            .chain(self.event)
        {
            let _ = write!(out, " {number}");
        }
        for (number, codec) in self.codecs {
            let _ = write!(out, "\r\na=rtpmap:{number} {}/{CLOCK_RATE}", codec.name());
        }
        if let Some(number) = self.event {
            let _ = write!(
                out,
                "\r\na=rtpmap:{number} telephone-event/{CLOCK_RATE}\r\na=fmtp:{number} 0-15"
            );
        }
        let (ptime, direction) = (self.ptime_ms, self.direction.attribute());
        let _ = write!(out, "\r\na=ptime:{ptime}\r\na={direction}\r\n");
    }
}

/// What was found in a stream that we take up.
struct Chosen {
    peer: Peer,
    codec: Codec,
    payload_type: u8,
    event: Option<u8>,
}

impl Slot {
    /// The media description that refuses the stream (RFC 3264, 6).
    fn print_refusal(&self, out: &mut String) {
        for part in ["m=", &self.kind, " 0 ", &self.protocol] {
            out.push_str(part);
        }
        if self.formats.is_empty() {
            out.push_str(" 0");
        }
        for format in &self.formats {
            out.push(' ');
            out.push_str(format);
        }
        out.push_str("\r\n");
    }
}

fn slots_of(session: &Session<'_>, ours: usize) -> Vec<Slot> {
    let slot = |(index, media): (usize, &Media<'_>)| Slot {
        kind: media.kind.as_ref().to_owned(),
        protocol: media.protocol.to_owned(),
        formats: if index == ours {
            Vec::new()
        } else {
            media
                .formats
                .iter()
                .map(|&format| format.to_owned())
                .collect()
        },
        ours: index == ours,
    };
    session.media.iter().enumerate().map(slot).collect()
}

fn read(text: &str) -> Result<Session<'_>, Reject> {
    Session::parse(text).map_err(|error| Reject::new(400, 399, &error.to_string()))
}

fn no_audio() -> Reject {
    Reject::new(488, 304, "Media type not available: audio only")
}

fn no_codec() -> Reject {
    Reject::new(488, 305, "Incompatible media format: no codec in common")
}
