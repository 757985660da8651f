//! Parameters of URIs and headers.

use super::lex;
use std::borrow::Cow;
use std::fmt;

/// `;name=value` parameters, in order, as they stand on the wire with the white space taken out.
///
/// Held as one string, because most are never looked at: reading a header costs one allocation, however many
/// parameters it has. Names are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params {
    /// Empty, or `;` before each parameter.
    text: String,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadParam(pub(crate) &'static str);

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self {
            text: String::new(),
        }
    }

    /// Reads parameters from what follows a URI or header value: nothing, or text that begins with `;`.
    /// Empty parameters (`;;`), which some equipment sends, are left out.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BadParam> {
        let bytes = lex::trim(bytes);
        let Some((b';', list)) = bytes.split_first() else {
            return if bytes.is_empty() {
                Ok(Self::new())
            } else {
                Err(BadParam("text after the URI that is no parameter"))
            };
        };
        if is_clean(list)
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Ok(Self {
                text: text.to_owned(),
            });
        }
        Self::parse_items(list)
    }

    /// The value of one parameter, as [`Params::get`] would find it; copied only when the parameters are untidy.
    pub(crate) fn find<'a>(bytes: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
        let list = match lex::trim(bytes) {
            [b';', list @ ..] if is_clean(list) => list,
            other => return Some(Self::parse(other).ok()?.get(name)?.to_owned().into()),
        };
        let item = list.split(|&byte| byte == b';').find(|item| {
            let end = memchr::memchr(b'=', item).unwrap_or(item.len());
            item.get(..end)
                .is_some_and(|candidate| candidate.eq_ignore_ascii_case(name.as_bytes()))
        })?;
        let value = item.get(name.len() + 1..)?;
        std::str::from_utf8(value).ok().map(Cow::Borrowed)
    }

    /// Would [`Params::parse`] read them?
    pub(crate) fn check(bytes: &[u8]) -> Result<(), BadParam> {
        match lex::trim(bytes) {
            [b';', list @ ..] if is_clean(list) => Ok(()),
            other => Self::parse(other).map(drop),
        }
    }

    /// Are there none, or only such as may stand as they are?
    pub(crate) fn are_clean(bytes: &[u8]) -> bool {
        match lex::trim(bytes) {
            [] => true,
            [b';', list @ ..] => is_clean(list),
            _ => false,
        }
    }

    /// Reads parameters one by one.
    fn parse_items(list: &[u8]) -> Result<Self, BadParam> {
        let mut params = Self {
            text: String::with_capacity(list.len() + 1),
        };
        for item in lex::Items::new(list, b';') {
            let (name, value) = match lex::split_once(item, b'=') {
                Some((name, value)) => (lex::trim(name), Some(lex::trim(value))),
                None => (item, None),
            };
            if name.is_empty() && value.is_none() {
                continue;
            }
            if name.is_empty()
                || name
                    .iter()
                    .any(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'<' | b'>' | b','))
            {
                return Err(BadParam("malformed parameter name"));
            }
            if let Some([b'"', ..]) = value
                && value.and_then(lex::quoted_end) != value.map(<[u8]>::len)
            {
                return Err(BadParam("parameter value with unbalanced quotes"));
            }
            params.append(&lex::text(name), value.map(lex::text).as_deref());
        }
        Ok(params)
    }

    fn append(&mut self, name: &str, value: Option<&str>) {
        self.text.push(';');
        self.text.push_str(name);
        if let Some(value) = value {
            self.text.push('=');
            self.text.push_str(value);
        }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// All parameters in order: name, and value as on the wire (quoted strings with their quotes).
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        lex::Items::new(self.text.as_bytes(), b';')
            .skip(1)
            .filter_map(|item| {
                let item = std::str::from_utf8(item).ok()?;
                Some(match item.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (item, None),
                })
            })
    }

    /// Is the parameter there, with or without a value?
    pub fn contains(&self, name: &str) -> bool {
        self.iter()
            .any(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
    }

    /// The value as it stands on the wire; `None` when the parameter is absent or has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))?
            .1
    }

    /// The value with quotes and escapes taken off.
    pub fn get_unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(lex::unquote)
    }

    /// Sets the parameter, in its old place when it was there. Values that are no token, host or number are quoted.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let mut changed = Self {
            text: String::with_capacity(self.text.len() + name.len() + 16),
        };
        let quoted = value.map(|value| {
            let plain = |byte: u8| lex::is_token_byte(byte) || matches!(byte, b'[' | b']' | b':');
            if !value.is_empty() && value.bytes().all(plain) {
                return Cow::Borrowed(value);
            }
            let mut text = String::with_capacity(value.len() + 2);
            // Writing into a String cannot fail.
            let _ = lex::write_quoted(&mut text, value);
            text.into()
        });
        let mut done = false;
        for (old_name, old_value) in self.iter() {
            if old_name.eq_ignore_ascii_case(name) {
                if !done {
                    changed.append(old_name, quoted.as_deref());
                }
                done = true;
            } else {
                changed.append(old_name, old_value);
            }
        }
        if !done {
            changed.append(name, quoted.as_deref());
        }
        *self = changed;
    }

    /// Takes the parameter off; true when it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        if !self.contains(name) {
            return false;
        }
        let mut changed = Self::new();
        for (old_name, old_value) in self
            .iter()
            .filter(|(candidate, _)| !candidate.eq_ignore_ascii_case(name))
        {
            changed.append(old_name, old_value);
        }
        *self = changed;
        true
    }
}

/// May the list stand as it is: no white space, no quotes, no empty parameter or name? Most may.
fn is_clean(list: &[u8]) -> bool {
    let mut before = b';';
    for &byte in list {
        let clean = match byte {
            b';' | b'=' => before != b';',
            b'"' | b'<' | b'>' | b',' | b'\\' => false,
            _ => byte.is_ascii_graphic(),
        };
        if !clean {
            return false;
        }
        before = byte;
    }
    before != b';'
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_takes_the_white_space_out() {
        let params =
            Params::parse(b" ; newparam =\t newvalue ;secondparam ; q = 0.33;; x=\"a;b\"").unwrap();
        assert_eq!(
            params.to_string(),
            ";newparam=newvalue;secondparam;q=0.33;x=\"a;b\""
        );
        assert_eq!(params.get("NEWPARAM"), Some("newvalue"));
        assert_eq!(params.get("secondparam"), None);
        assert!(params.contains("secondparam"));
        assert_eq!(params.get_unquoted("x").as_deref(), Some("a;b"));
        assert_eq!(params.iter().count(), 4);
        assert_eq!(Params::parse(b"").unwrap().iter().count(), 0);
    }

    #[test]
    fn one_parameter_is_found_without_reading_all() {
        for text in [
            ";a;tag=1;b=2",
            ";TAG=x;tag=y",
            ";tag",
            ";tag=",
            ";tags=1",
            ";ta=1",
            " ; tag = \"a;b\" ",
            "",
            ";",
            ";tag=a=b",
            ";tag;tag=2",
        ] {
            let params = Params::parse(text.as_bytes()).unwrap();
            let found = Params::find(text.as_bytes(), "tag");
            assert_eq!(found.as_deref(), params.get("tag"), "{text}");
        }
    }

    #[test]
    fn malformed_parameters_are_refused() {
        for bad in [
            &b"x"[..],
            b";=1",
            b";a b=1",
            b";a=\"open",
            b";a=\"x\"y",
            b";<a>",
        ] {
            assert!(Params::parse(bad).is_err(), "{}", lex::text(bad));
        }
    }

    #[test]
    fn setting_keeps_the_place_and_quotes_where_needed() {
        let mut params = Params::parse(b";rport;branch=z9hG4bK1;RPORT").unwrap();
        params.set("rport", Some("5060"));
        params.set("text", Some("call \"completed\"; elsewhere"));
        params.set("received", Some("2001:db8::1"));
        assert_eq!(
            params.to_string(),
            ";rport=5060;branch=z9hG4bK1;text=\"call \\\"completed\\\"; elsewhere\";received=2001:db8::1"
        );
        assert!(params.remove("branch"));
        assert!(!params.remove("branch"));
        assert_eq!(
            params.get_unquoted("text").as_deref(),
            Some("call \"completed\"; elsewhere")
        );
    }
}
