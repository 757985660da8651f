//! Session descriptions (RFC 8866), read tolerantly and printed strictly.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;

/// Most media descriptions of one session; each must be answered.
pub const MAX_MEDIA: usize = 32;

/// Most lines of one session description.
pub const MAX_LINES: usize = 1024;

/// A session description, as ranges of the text that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<'a> {
    /// `o=`; absent only in what is read.
    pub origin: Option<Origin<'a>>,
    /// `s=`
    pub name: &'a str,
    /// `c=` that holds for media without one of their own.
    pub connection: Option<Connection<'a>>,
    /// First `t=`: `0 0` for a session without bounds.
    pub timing: &'a str,
    /// `a=` of the session.
    pub attributes: Vec<Attribute<'a>>,
    /// Other lines of the session (`b=`, `i=`, `u=`, ...) as letter and value. Not printed.
    pub other: Vec<(char, &'a str)>,
    /// `m=` and what belongs to each.
    pub media: Vec<Media<'a>>,
}

/// `o=` (RFC 8866, 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, or `-`.
    pub username: &'a str,
    /// Session identifier: digits, of any length.
    pub session_id: &'a str,
    /// Session version: digits, of any length.
    pub version: &'a str,
    /// Address of the creator.
    pub connection: Connection<'a>,
}

/// An address with its type (RFC 8866, 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `IP4` or `IP6`.
    pub kind: Cow<'a, str>,
    /// Address or name, without TTL and count.
    pub address: &'a str,
}

impl<'a> Connection<'a> {
    /// The address; `None` when it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// From `IN IP4 192.0.2.1/127`.
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let (network, kind, address) = (words.next()?, words.next()?, words.next()?);
        let address = address
            .split('/')
            .next()
            .filter(|address| !address.is_empty())?;
        network.eq_ignore_ascii_case("IN").then(|| Self {
            kind: if kind.bytes().any(|byte| byte.is_ascii_lowercase()) {
                Cow::Owned(kind.to_ascii_uppercase())
            } else {
                Cow::Borrowed(kind)
            },
            address,
        })
    }
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IN {} {}", self.kind, self.address)
    }
}

/// `a=` (RFC 8866, 5.13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the colon.
    pub name: &'a str,
    /// What stands after it, when there is one.
    pub value: Option<&'a str>,
}

impl<'a> Attribute<'a> {
    fn parse(value: &'a str) -> Self {
        match value.split_once(':') {
            Some((name, value)) => Self {
                name: name.trim(),
                value: Some(value.trim()),
            },
            None => Self {
                name: value,
                value: None,
            },
        }
    }
}

/// `m=` (RFC 8866, 5.14) and the lines that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, `image`, ...
    pub kind: Cow<'a, str>,
    /// Port; 0 for a rejected or ended stream.
    pub port: u16,
    /// Number of ports, when one is given.
    pub port_count: Option<u16>,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl`, ...
    pub protocol: &'a str,
    /// Formats, in order of preference: for RTP the payload types.
    pub formats: Vec<&'a str>,
    /// `c=` of this stream.
    pub connection: Option<Connection<'a>>,
    /// `a=` of this stream.
    pub attributes: Vec<Attribute<'a>>,
    /// Other lines of this stream as letter and value. Not printed.
    pub other: Vec<(char, &'a str)>,
}

/// Formats and attributes that a usual media description has room for at once.
const USUAL_FORMATS: usize = 8;
const USUAL_ATTRIBUTES: usize = 16;

impl<'a> Media<'a> {
    /// Values of all attributes of this name.
    pub fn attributes(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name.eq_ignore_ascii_case(name))
            .map(|attribute| attribute.value.unwrap_or_default())
    }

    /// Value of the first attribute of this name; empty when it has none.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes(name).next()
    }

    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.split_whitespace();
        let (kind, ports, protocol) = (words.next()?, words.next()?, words.next()?);
        let (port, count) = match ports.split_once('/') {
            Some((port, count)) => (port, Some(count.parse().ok()?)),
            None => (ports, None),
        };
        let mut formats = Vec::with_capacity(USUAL_FORMATS);
        formats.extend(words);
        Some(Self {
            kind: if kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(kind.to_ascii_lowercase())
            } else {
                Cow::Borrowed(kind)
            },
            port: port.parse().ok()?,
            port_count: count,
            protocol,
            formats,
            connection: None,
            attributes: Vec::with_capacity(USUAL_ATTRIBUTES),
            other: Vec::new(),
        })
    }
}

/// Why text is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SdpError {
    /// It does not begin with `v=0`.
    #[error("a session description begins with `v=0`")]
    Version,
    /// A line that matters cannot be read.
    #[error("malformed `{0}=` in line {1}")]
    Malformed(char, usize),
    /// Too many lines or media descriptions.
    #[error("a session description with more than {MAX_LINES} lines or {MAX_MEDIA} media")]
    TooLong,
}

impl<'a> Session<'a> {
    /// Reads a session description. Lines may end in LF alone; lines without `=`, and those of unknown letters, are
    /// passed over; `o=`, `s=` and `t=` may be missing.
    ///
    /// # Errors
    /// Without `v=0`, with a malformed `o=`, `c=` or `m=`, or beyond the limits.
    pub fn parse(text: &'a str) -> Result<Self, SdpError> {
        let mut lines = lines(text)
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let (_, first) = lines.next().ok_or(SdpError::Version)?;
        if first.trim() != "v=0" {
            return Err(SdpError::Version);
        }
        let mut session = Self {
            origin: None,
            name: "-",
            connection: None,
            timing: "0 0",
            attributes: Vec::new(),
            other: Vec::new(),
            media: Vec::with_capacity(1),
        };
        let mut has_timing = false;
        for (count, (number, line)) in lines.enumerate() {
            if count >= MAX_LINES {
                return Err(SdpError::TooLong);
            }
            match split_line(line) {
                Some(('t', value)) if !has_timing => {
                    session.timing = value;
                    has_timing = true;
                }
                Some((letter, value)) => {
                    session.take_line(letter, value, SdpError::Malformed(letter, number + 1))?;
                }
                None => {}
            }
        }
        Ok(session)
    }

    /// Takes one line in, which belongs to the last media description when there is one.
    fn take_line(
        &mut self,
        letter: char,
        value: &'a str,
        malformed: SdpError,
    ) -> Result<(), SdpError> {
        match letter {
            'o' => self.origin = Some(Origin::parse(value).ok_or(malformed)?),
            's' if self.media.is_empty() => self.name = value,
            'm' if self.media.len() >= MAX_MEDIA => return Err(SdpError::TooLong),
            'm' => self.media.push(Media::parse(value).ok_or(malformed)?),
            'c' => {
                let connection = Connection::parse(value).ok_or(malformed)?;
                let place = match self.media.last_mut() {
                    Some(media) => &mut media.connection,
                    None => &mut self.connection,
                };
                // Further ones would be layers of multicast.
                place.get_or_insert(connection);
            }
            'a' => {
                let attribute = Attribute::parse(value);
                match self.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => self.attributes.push(attribute),
                }
            }
            _ => match self.media.last_mut() {
                Some(media) => media.other.push((letter, value)),
                None => self.other.push((letter, value)),
            },
        }
        Ok(())
    }
}

/// The lines of a text. They end in CRLF as they should, or in LF or even CR alone as it occurs.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr2(b'\r', b'\n', text.as_bytes());
        let (line, after) = end.map_or((text, None), |end| {
            let (line, after) = text.split_at(end);
            let after = after.strip_prefix("\r\n").or_else(|| after.get(1..));
            (line, after)
        });
        rest = after;
        Some(line)
    })
}

fn split_line(line: &str) -> Option<(char, &str)> {
    let (letter, value) = line.trim_start().split_once('=')?;
    let mut letters = letter.trim_end().chars();
    let letter = letters.next()?;
    letters
        .next()
        .is_none()
        .then(|| (letter.to_ascii_lowercase(), value.trim()))
}

impl<'a> Origin<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.splitn(4, ' ').map(str::trim);
        let (username, session_id, version, rest) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        Some(Self {
            username,
            session_id,
            version,
            connection: Connection::parse(rest)?,
        })
    }
}

impl fmt::Display for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("v=0\r\n")?;
        if let Some(origin) = &self.origin {
            let Origin {
                username,
                session_id,
                version,
                connection,
            } = origin;
            write!(f, "o={username} {session_id} {version} {connection}\r\n")?;
        }
        write!(
            f,
            "s={}\r\n",
            if self.name.is_empty() { "-" } else { self.name }
        )?;
        if let Some(connection) = &self.connection {
            write!(f, "c={connection}\r\n")?;
        }
        write!(f, "t={}\r\n", self.timing)?;
        write_attributes(f, &self.attributes)?;
        for media in &self.media {
            write!(f, "m={} {}", media.kind, media.port)?;
            if let Some(count) = media.port_count {
                write!(f, "/{count}")?;
            }
            write!(f, " {}", media.protocol)?;
            for format in &media.formats {
                write!(f, " {format}")?;
            }
            f.write_str("\r\n")?;
            if let Some(connection) = &media.connection {
                write!(f, "c={connection}\r\n")?;
            }
            write_attributes(f, &media.attributes)?;
        }
        Ok(())
    }
}

fn write_attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute<'_>]) -> fmt::Result {
    for Attribute { name, value } in attributes {
        match value {
            Some(value) => write!(f, "a={name}:{value}\r\n")?,
            None => write!(f, "a={name}\r\n")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_read_as_they_print() {
        let text = "v=0\r\no=- 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n\
            a=sendonly\r\nm=audio 49170/2 RTP/AVP 0 8 97\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:97 iLBC/8000\r\na=rtcp-mux\r\n\
            m=image 0 udptl t38\r\n";
        let session = Session::parse(text).unwrap();
        assert_eq!(session.to_string(), text);
        assert_eq!(session.media.len(), 2);
        assert_eq!(session.media[0].attribute("RTPMAP"), Some("97 iLBC/8000"));
        assert_eq!(session.media[0].attribute("rtcp-mux"), Some(""));
        assert_eq!(
            session.media[0]
                .connection
                .as_ref()
                .and_then(Connection::ip),
            "192.0.2.1".parse().ok()
        );
        assert_eq!(session.media[0].port_count, Some(2));
    }

    #[test]
    fn what_the_field_sends_is_tolerated() {
        let text = "v=0\no=user one two IN IP4 pbx.local\nno equals sign\nxx=1\nz=0 0\nb=AS:64\nc=in ip4 224.2.1.1/127/3\n\
            t=1 2\nt=3 4\nm=AUDIO 4000 RTP/AVP  0   8 \na= ptime : 30 \nb=TIAS:64000\ns=late\nc=IN IP4 192.0.2.9\nc=IN IP4 192.0.2.10\n";
        let session = Session::parse(text).unwrap();
        assert_eq!(
            session.connection.as_ref().map(|c| c.address),
            Some("224.2.1.1")
        );
        assert_eq!(session.timing, "1 2");
        assert_eq!(session.media[0].kind, "audio");
        assert_eq!(session.media[0].formats, ["0", "8"]);
        assert_eq!(session.media[0].attribute("ptime"), Some("30"));
        assert_eq!(
            session.media[0].connection.as_ref().map(|c| c.address),
            Some("192.0.2.9")
        );
        assert_eq!(session.other, [('z', "0 0"), ('b', "AS:64"), ('t', "3 4")]);
        let alone = Session::parse("v=0\rs=one\r\rt=1 2").unwrap();
        assert_eq!((alone.name, alone.timing), ("one", "1 2"));
    }

    #[test]
    fn malformed_descriptions_are_refused() {
        let table: &[(&str, SdpError)] = &[
            ("", SdpError::Version),
            ("v=1\r\n", SdpError::Version),
            ("s=-\r\n", SdpError::Version),
            ("v=0\r\no=x\r\n", SdpError::Malformed('o', 2)),
            ("v=0\nc=IN IP4\n", SdpError::Malformed('c', 2)),
            (
                "v=0\nm=audio 99999 RTP/AVP 0\n",
                SdpError::Malformed('m', 2),
            ),
            ("v=0\nm=audio\n", SdpError::Malformed('m', 2)),
        ];
        for (text, error) in table {
            assert_eq!(Session::parse(text), Err(*error), "{text}");
        }
        let media = "m=audio 1 RTP/AVP 0\n".repeat(MAX_MEDIA + 1);
        assert_eq!(
            Session::parse(&format!("v=0\n{media}")),
            Err(SdpError::TooLong)
        );
        let lines = "a=x\n".repeat(MAX_LINES + 1);
        assert_eq!(
            Session::parse(&format!("v=0\n{lines}")),
            Err(SdpError::TooLong)
        );
    }
}
