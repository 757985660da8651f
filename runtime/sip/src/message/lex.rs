//! Character classes and splitting shared by the header parsers (RFC 3261, 25.1). Bytes in, slices out; every function
//! is linear in its input.

/// `token` characters of RFC 3261, 25.1.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Is this a non-empty `token`?
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Linear white space as it stands in a header value once line folds have been turned into spaces.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The value without the white space before it.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    bytes
}

/// The value without the white space around it.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// What stands before the first `separator` and what after it.
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// A decimal number: digits only, nothing else, no overflow.
pub(crate) fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Text for people or for comparison. Bytes that are no UTF-8 are read as Latin-1, which is what old equipment sends.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(valid) => valid.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Index of the first `separator` that stands neither in a quoted string nor between `<` and `>`.
pub(crate) fn find_outside(bytes: &[u8], separator: u8) -> Option<usize> {
    let first = memchr::memchr(separator, bytes)?;
    // Nearly always nothing is open there; the vectorised searches settle that without walking the bytes.
    if memchr::memchr2(b'"', b'<', bytes.get(..first)?).is_none() {
        return Some(first);
    }
    let mut quoted = false;
    let mut angled = false;
    let mut escaped = false;
    for (index, &byte) in bytes.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if byte == separator && !angled {
            return Some(index);
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => angled = true,
                b'>' => angled = false,
                _ => {}
            }
        }
    }
    None
}

/// The items of a list, split at `separator` outside quoted strings and angle brackets, each trimmed.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Items<'a> {
    pub(crate) const fn new(value: &'a [u8], separator: u8) -> Self {
        Self {
            rest: Some(value),
            separator,
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let (item, after) = match find_outside(rest, self.separator) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)),
            None => (rest, None),
        };
        self.rest = after;
        Some(trim(item))
    }
}

/// Index just past the closing quote of the quoted string that `bytes` begins with (RFC 3261, 25.1).
pub(crate) fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (index, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// The text of a quoted string without its quotes and backslashes; other text as it is.
pub(crate) fn unquote(text: &str) -> std::borrow::Cow<'_, str> {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return text.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for character in inner.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(character);
            escaped = false;
        }
    }
    plain.into()
}

/// Writes `text` as a quoted string. Line breaks, which no quoted string may hold, become spaces.
pub(crate) fn write_quoted(out: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.write_char('\\')?;
                out.write_char(character)?;
            }
            '\r' | '\n' => out.write_char(' ')?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes_and_brackets() {
        let table: &[(&str, &[&str])] = &[
            ("a", &["a"]),
            ("a , b", &["a", "b"]),
            ("", &[""]),
            (",a,", &["", "a", ""]),
            (
                r#""x, \", y" <sip:a,b@c>, <sip:d>"#,
                &[r#""x, \", y" <sip:a,b@c>"#, "<sip:d>"],
            ),
            (r#""never closed, b"#, &[r#""never closed, b"#]),
            (r#""\\",b"#, &[r#""\\""#, "b"]),
        ];
        for (input, expected) in table {
            let items: Vec<_> = Items::new(input.as_bytes(), b',').map(text).collect();
            assert_eq!(&items, expected, "{input}");
        }
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for plain in ["", "a", "a \"b\" \\ c", "\\", "ünïcode"] {
            let mut quoted = String::new();
            write_quoted(&mut quoted, plain).unwrap();
            assert_eq!(unquote(&quoted), plain);
            assert_eq!(quoted_end(quoted.as_bytes()), Some(quoted.len()));
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        for (input, expected) in [
            ("0068", Some(68)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("4294967296", None),
            (" 1", None),
        ] {
            assert_eq!(number::<u32>(input.as_bytes()), expected, "{input}");
        }
    }
}
