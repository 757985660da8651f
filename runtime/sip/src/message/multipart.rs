//! Finding the session description in a body.

use super::headers::Headers;
use super::values::MediaType;

/// Deepest nesting of multipart bodies that is looked into.
const MAX_DEPTH: usize = 3;

/// The session description: a body of type `application/sdp`, the first such part of a `multipart/*`, or a body
/// without type that begins like one.
pub(super) fn sdp<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    if body.is_empty() {
        return None;
    }
    match headers.get("Content-Type") {
        None => body.starts_with(b"v=0").then_some(body),
        // What nearly every INVITE says needs no reading.
        Some(value) if value.eq_ignore_ascii_case(b"application/sdp") => Some(body),
        Some(value) => find(&MediaType::parse(value)?, body, MAX_DEPTH),
    }
}

fn find<'a>(media_type: &MediaType, body: &'a [u8], depth: usize) -> Option<&'a [u8]> {
    if media_type.is("application", "sdp") {
        return Some(body);
    }
    if media_type.kind != "multipart" || depth == 0 {
        return None;
    }
    let boundary = media_type.params.get_unquoted("boundary")?;
    parts(body, boundary.as_bytes()).find_map(|part| {
        let (headers, body) = split_part(part)?;
        find(&content_type(headers)?, body, depth - 1)
    })
}

/// The parts of a multipart body (RFC 2046, 5.1.1), without the line break before each delimiter.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let delimiter = [b"--", boundary].concat();
    // Only what begins a line is a delimiter.
    let found: Vec<usize> = memchr::memmem::find_iter(body, &delimiter)
        .filter(|&at| at == 0 || body.get(at - 1) == Some(&b'\n'))
        .collect();
    let ends: Vec<usize> = found.iter().skip(1).copied().collect();
    found.into_iter().zip(ends).filter_map(move |(at, end)| {
        let part = body.get(at + delimiter.len()..end)?;
        let line_end = memchr::memchr(b'\n', part)?;
        let part = part.get(line_end + 1..)?;
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    })
}

/// A part's headers and its content.
fn split_part(part: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(content) = part
        .strip_prefix(b"\r\n")
        .or_else(|| part.strip_prefix(b"\n"))
    {
        return Some((b"", content));
    }
    if let Some(at) = memchr::memmem::find(part, b"\r\n\r\n") {
        return Some((part.get(..at)?, part.get(at + 4..)?));
    }
    let at = memchr::memmem::find(part, b"\n\n")?;
    Some((part.get(..at)?, part.get(at + 2..)?))
}

fn content_type(headers: &[u8]) -> Option<MediaType> {
    headers.split(|&byte| byte == b'\n').find_map(|line| {
        let (name, value) = super::lex::split_once(line.strip_suffix(b"\r").unwrap_or(line), b':')?;
        let name = super::lex::trim(name);
        let wanted = name.eq_ignore_ascii_case(b"Content-Type") || name.eq_ignore_ascii_case(b"c");
        wanted.then(|| MediaType::parse(value)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp_of(content_type: Option<&str>, body: &str) -> Option<String> {
        let mut headers = Headers::new();
        if let Some(content_type) = content_type {
            headers.push("Content-Type", content_type);
        }
        sdp(&headers, body.as_bytes()).map(super::super::lex::text)
    }

    #[test]
    fn the_session_description_is_found() {
        let mixed = "preamble\r\n--b1\r\nContent-Type: application/isup\r\n\r\n\x01--b1\r\n--b1\r\nc: application/sdp\r\n\r\nv=0\r\n--b1--\r\n";
        let nested = "--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--i--\r\n--o--";
        let table = [
            (Some("application/sdp"), "v=0\r\n", Some("v=0\r\n")),
            (
                Some("Application/SDP;charset=x"),
                "v=0\r\n",
                Some("v=0\r\n"),
            ),
            (None, "v=0\r\n", Some("v=0\r\n")),
            (None, "hello", None),
            (Some("application/sdp"), "", None),
            (Some("text/plain"), "v=0\r\n", None),
            (Some("multipart/mixed;boundary=\"b1\""), mixed, Some("v=0")),
            (Some("multipart/mixed;boundary=o"), nested, Some("v=0\r\n")),
            (Some("multipart/mixed"), mixed, None),
            (Some("multipart/mixed;boundary=absent"), mixed, None),
            (Some("multipart/mixed;boundary=\"\""), "--\r\n--\r\n", None),
        ];
        for (content_type, body, expected) in table {
            assert_eq!(
                sdp_of(content_type, body).as_deref(),
                expected,
                "{content_type:?} {body}"
            );
        }
    }
}
