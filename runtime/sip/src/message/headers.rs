//! The headers of a message: one buffer, and where in it each value stands.

use super::lex;
use super::name::{Kind, Known};
use std::fmt;
use std::io::Write;

/// The headers of a message in their order.
///
/// Values are bytes, because no rule keeps a peer from sending something that is no UTF-8. Names are compared without
/// case, and a compact name is the same header as the full one. `Content-Length` is never among them: it is framing,
/// taken off when a message is read and written when it is printed.
///
/// A value that is put in can never end its line: line breaks become spaces.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
struct Line {
    name: LineName,
    value: Span,
}

#[derive(Clone, Copy)]
enum LineName {
    Known(Known),
    Other(Span),
}

#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // Past 4 GiB, which no message reaches, a span is empty rather than wrong.
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: offset(start),
            end: offset(end),
        }
    }

    /// Without the white space around it.
    fn trimmed(self, text: &[u8]) -> Self {
        let rest = lex::trim_start(self.of(text));
        let start = (self.end as usize).saturating_sub(rest.len());
        Self::new(start, start + lex::trim(rest).len())
    }

    fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// A header looked for.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    Known(Known),
    Other(&'a [u8]),
}

impl<'a> Key<'a> {
    fn new(name: &'a str) -> Self {
        Known::find(name.as_bytes()).map_or(Self::Other(name.as_bytes()), Self::Known)
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Known(known) => known.kind(),
            Self::Other(_) => Kind::Single,
        }
    }
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// No headers, with room for some: `text` bytes in `lines` lines.
    pub(crate) fn with_capacity(text: usize, lines: usize) -> Self {
        Self {
            text: Vec::with_capacity(text),
            lines: Vec::with_capacity(lines),
        }
    }

    /// Number of header lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All header lines in order: full name, and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines
            .iter()
            .map(|line| (self.name_of(line), line.value.of(&self.text)))
    }

    fn name_of(&self, line: &Line) -> &str {
        match &line.name {
            LineName::Known(known) => known.name(),
            // Only tokens, which are ASCII, become names.
            LineName::Other(span) => std::str::from_utf8(span.of(&self.text)).unwrap_or_default(),
        }
    }

    fn is(&self, line: &Line, key: Key<'_>) -> bool {
        match (&line.name, key) {
            (LineName::Known(known), Key::Known(wanted)) => *known == wanted,
            (LineName::Other(span), Key::Other(wanted)) => {
                span.of(&self.text).eq_ignore_ascii_case(wanted)
            }
            _ => false,
        }
    }

    /// Whole value of the first line of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values_of(Key::new(name)).next()
    }

    /// Value of the first line of this name as text; Latin-1 when it is no UTF-8.
    pub fn get_text(&self, name: &str) -> Option<String> {
        self.get(name).map(lex::text)
    }

    /// Whole values of all lines of this name.
    pub fn lines<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.values_of(Key::new(name))
    }

    /// Single values of all lines of this name: lists (Via, Route, Contact, Require, ...) are split at their commas,
    /// those in quoted strings and in `<>` excepted. Of a header this crate does not know, each line is one value.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let key = Key::new(name);
        self.values_of(key)
            .flat_map(move |value| items(value, key.kind()))
    }

    pub(crate) fn values_of<'a>(&'a self, key: Key<'_>) -> impl Iterator<Item = &'a [u8]> {
        self.lines
            .iter()
            .filter(move |line| self.is(line, key))
            .map(|line| line.value.of(&self.text))
    }

    pub(crate) fn first(&self, known: Known) -> Option<&[u8]> {
        self.values_of(Key::Known(known)).next()
    }

    pub(crate) fn items_of(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.values_of(Key::Known(known))
            .flat_map(move |value| items(value, known.kind()))
    }

    /// Adds a line after all others. A character that no name may hold becomes `-`.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        let line = self.write_line(name, |text| {
            // Writing into a Vec cannot fail.
            let _ = write!(text, "{value}");
        });
        self.lines.extend(line);
    }

    /// As [`Headers::push`], for a value that need not be text.
    pub fn push_bytes(&mut self, name: &str, value: &[u8]) {
        let line = self.write_line(name, |text| text.extend_from_slice(value));
        self.lines.extend(line);
    }

    /// Adds a line before all others, as a Via or Route is.
    pub fn insert_front(&mut self, name: &str, value: impl fmt::Display) {
        let line = self.write_line(name, |text| {
            let _ = write!(text, "{value}");
        });
        if let Some(line) = line {
            self.lines.insert(0, line);
        }
    }

    /// Puts this one line in the place of all lines of this name, or after all others when there is none.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        let Some(line) = self.write_line(name, |text| {
            let _ = write!(text, "{value}");
        }) else {
            return;
        };
        let place = self
            .lines
            .iter()
            .position(|old| self.is(old, Key::new(name)));
        self.remove(name);
        self.lines.insert(
            place.unwrap_or(self.lines.len()).min(self.lines.len()),
            line,
        );
    }

    /// Takes all lines of this name off; true when there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.lines.len();
        let mut kept = std::mem::take(&mut self.lines);
        kept.retain(|line| !self.is(line, Key::new(name)));
        self.lines = kept;
        self.lines.len() < before
    }

    /// Takes the first single value of this name off, as a router does with its Route; `None` when there is none.
    pub fn remove_front(&mut self, name: &str) -> Option<Vec<u8>> {
        let key = Key::new(name);
        let at = self.lines.iter().position(|line| self.is(line, key))?;
        let value = self.lines.get(at)?.value;
        let whole = value.of(&self.text);
        let comma = match key.kind() {
            Kind::List => lex::find_outside(whole, b','),
            Kind::Single => None,
        };
        let front = lex::trim(whole.get(..comma.unwrap_or(whole.len()))?).to_vec();
        match comma {
            Some(comma) => {
                let rest = whole.get(comma + 1..)?;
                let start = value.end as usize - lex::trim_start(rest).len();
                if let Some(line) = self.lines.get_mut(at) {
                    line.value = Span::new(start, value.end as usize);
                }
            }
            None => drop(self.lines.remove(at)),
        }
        Some(front)
    }

    /// Adds copies of all lines of this name, byte for byte.
    pub(crate) fn copy(&mut self, from: &Self, known: Known) {
        for value in from.values_of(Key::Known(known)) {
            self.push_known(known, value);
        }
    }

    pub(crate) fn push_known(&mut self, known: Known, value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(value);
        self.seal(start);
        self.lines.push(Line {
            name: LineName::Known(known),
            value: Span::new(start, self.text.len()),
        });
    }

    /// Appends to the first value of this name.
    pub(crate) fn append_to_first(&mut self, known: Known, suffix: &[&[u8]]) {
        let Some(at) = self
            .lines
            .iter()
            .position(|line| self.is(line, Key::Known(known)))
        else {
            return;
        };
        let Some(old) = self.lines.get(at).map(|line| line.value) else {
            return;
        };
        let start = self.text.len();
        self.text
            .extend_from_within(old.start as usize..old.end as usize);
        for part in suffix {
            self.text.extend_from_slice(part);
        }
        self.seal(start);
        let value = Span::new(start, self.text.len());
        if let Some(line) = self.lines.get_mut(at) {
            line.value = value;
        }
    }

    fn write_line(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Option<Line> {
        let name = match Known::find(name.as_bytes()) {
            Some(Known::ContentLength) => return None,
            Some(known) => LineName::Known(known),
            None => {
                let start = self.text.len();
                self.text.extend(
                    name.bytes()
                        .map(|byte| if lex::is_token_byte(byte) { byte } else { b'-' }),
                );
                LineName::Other(Span::new(start, self.text.len()))
            }
        };
        let start = self.text.len();
        write(&mut self.text);
        self.seal(start);
        Some(Line {
            name,
            value: Span::new(start, self.text.len()).trimmed(&self.text),
        })
    }

    /// Makes sure that what was written from `start` on cannot end its line.
    fn seal(&mut self, start: usize) {
        for byte in self.text.get_mut(start..).unwrap_or_default() {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    /// Prints all lines, without the empty line that ends them.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// An upper bound of what [`Headers::encode`] writes, when nothing was taken off before.
    pub(crate) fn size_hint(&self) -> usize {
        self.text.len() + self.lines.len() * (LINE_OVERHEAD + 12)
    }
}

/// Room that a message which was read has for a Via of its own: that of a request is stamped with where it came from.
const STAMP: usize = 192;

/// Bytes that a printed line has beside its name and value.
const LINE_OVERHEAD: usize = 4;

fn items(value: &[u8], kind: Kind) -> impl Iterator<Item = &[u8]> {
    let (list, single) = match kind {
        Kind::List => (Some(lex::Items::new(value, b',')), None),
        Kind::Single => (None, Some(value)),
    };
    list.into_iter().flatten().chain(single)
}

/// Headers as they are read: ranges into a text that is handed over at the end.
#[derive(Default)]
pub(crate) struct Reader {
    lines: Vec<Line>,
    /// Must the text be gone over for folds or stray carriage returns?
    unclean: bool,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            lines: Vec::with_capacity(24),
            unclean: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// A line's name and value stand at these offsets of the text.
    pub(crate) fn line(
        &mut self,
        known: Option<Known>,
        name: (usize, usize),
        value: (usize, usize),
    ) {
        let name = known.map_or_else(
            || LineName::Other(Span::new(name.0, name.1)),
            LineName::Known,
        );
        self.lines.push(Line {
            name,
            value: Span::new(value.0, value.1),
        });
    }

    /// The last line's value goes on up to here (RFC 3261, 7.3.1).
    pub(crate) fn fold(&mut self, end: usize) {
        self.unclean = true;
        if let Some(line) = self.lines.last_mut() {
            line.value = Span::new(line.value.start as usize, end);
        }
    }

    /// A carriage return stands within a line.
    pub(crate) fn stray_return(&mut self) {
        self.unclean = true;
    }

    pub(crate) fn finish(self, text: &[u8]) -> Headers {
        let mut headers = Headers::with_capacity(text.len() + STAMP, 0);
        headers.text.extend_from_slice(text);
        headers.lines = self.lines;
        if self.unclean {
            headers.seal(0);
            for line in &mut headers.lines {
                line.value = line.value.trimmed(&headers.text);
            }
        }
        headers
    }
}

impl Headers {
    /// Takes all `Content-Length` lines off and hands their values out.
    pub(crate) fn take_content_lengths(&mut self, mut take: impl FnMut(&[u8])) {
        let text = &self.text;
        self.lines.retain(|line| {
            let is_length = matches!(line.name, LineName::Known(Known::ContentLength));
            if is_length {
                take(line.value.of(text));
            }
            !is_length
        });
    }
}

/// Same lines in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.lines.len() == other.lines.len()
            && self
                .iter()
                .zip(other.iter())
                .all(|((name, value), (other_name, other_value))| {
                    name.eq_ignore_ascii_case(other_name) && value == other_value
                })
    }
}

impl Eq for Headers {}

/// Credentials are left out, so that headers may be logged.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (line, (name, value)) in self.lines.iter().zip(self.iter()) {
            match line.name {
                LineName::Known(Known::Authorization | Known::ProxyAuthorization) => {
                    map.entry(&name, &"(left out)")
                }
                _ => map.entry(&name, &String::from_utf8_lossy(value)),
            };
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(headers: &Headers) -> String {
        let mut out = Vec::new();
        headers.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_added_changed_and_removed_in_place() {
        let mut headers = Headers::new();
        headers.push("v", "SIP/2.0/UDP one");
        headers.push("X-Vendor", "a, b");
        headers.push("Supported", "timer, 100rel");
        headers.push("supported", "replaces");
        headers.insert_front("Via", "SIP/2.0/UDP zero");
        assert_eq!(
            printed(&headers),
            "Via: SIP/2.0/UDP zero\r\nVia: SIP/2.0/UDP one\r\nX-Vendor: a, b\r\nSupported: timer, 100rel\r\nSupported: replaces\r\n"
        );
        let text = |values: Vec<&[u8]>| values.into_iter().map(lex::text).collect::<Vec<_>>();
        assert_eq!(
            text(headers.all("k").collect()),
            ["timer", "100rel", "replaces"]
        );
        assert_eq!(
            text(headers.lines("K").collect()),
            ["timer, 100rel", "replaces"]
        );
        assert_eq!(text(headers.all("x-vendor").collect()), ["a, b"]);
        headers.set("Supported", "timer");
        headers.set("X-Vendor", 7);
        headers.set("Date", "now");
        assert!(headers.remove("via"));
        assert!(!headers.remove("via"));
        assert_eq!(
            printed(&headers),
            "X-Vendor: 7\r\nSupported: timer\r\nDate: now\r\n"
        );
    }

    #[test]
    fn the_front_value_is_taken_off_a_list() {
        let mut headers = Headers::new();
        headers.push("Route", "<sip:a;x=\"1,2\">  ,  <sip:b>, <sip:c>");
        headers.push("Route", "<sip:d>");
        let mut seen = Vec::new();
        while let Some(value) = headers.remove_front("route") {
            seen.push(lex::text(&value));
        }
        assert_eq!(seen, ["<sip:a;x=\"1,2\">", "<sip:b>", "<sip:c>", "<sip:d>"]);
        assert!(headers.is_empty());
    }

    #[test]
    fn nothing_put_in_can_add_a_line() {
        let mut headers = Headers::new();
        headers.push("X-A\r\nEvil", "x\r\nVia: evil\r\n\r\nbody");
        headers.push_bytes("Subject", b"\xe9\n");
        headers.push("Content-Length", 5);
        assert_eq!(headers.len(), 2);
        let mut out = Vec::new();
        headers.encode(&mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 2);
        assert_eq!(headers.get("s"), Some(&b"\xe9"[..]));
        assert_eq!(headers.get_text("Subject").as_deref(), Some("é"));
    }

    #[test]
    fn credentials_are_not_shown() {
        let mut headers = Headers::new();
        headers.push(
            "Authorization",
            "Digest username=\"u\", response=\"secret\"",
        );
        assert!(!format!("{headers:?}").contains("secret"));
    }
}
