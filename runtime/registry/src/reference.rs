//! Where an artifact is: `registry.example.com/flows/hotline:1.2` or `...@sha256:...`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What tags stand for when none is written.
const DEFAULT_TAG: &str = "latest";

/// The longest repository name that registries have to take (distribution specification, "pulling
/// manifests").
const LONGEST_NAME: usize = 255;

/// Where an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Host, and port where there is one.
    pub registry: String,
    /// The path below it.
    pub repository: String,
    /// A tag or a digest, as it stands in the manifest's address.
    pub version: Version,
}

/// Which artifact of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that the tag stands for at the moment.
    Tag(String),
    /// The one whose manifest has this digest: `sha256:` and 64 hexadecimal digits.
    Digest(String),
}

/// Text that is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no artifact: {why}; write HOST[:PORT]/PATH:TAG or HOST[:PORT]/PATH@sha256:DIGEST"
)]
pub struct ReferenceError {
    text: String,
    why: &'static str,
}

impl Reference {
    /// Is the registry on this machine?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(host(&self.registry))
    }

    pub(crate) fn version(&self) -> &str {
        match &self.version {
            Version::Tag(text) | Version::Digest(text) => text,
        }
    }
}

/// The name or address without the port.
fn host(registry: &str) -> &str {
    match registry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => registry.split(':').next().unwrap_or_default(),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// With `oci://` before it or not. A host must be written: there is no registry that is meant
    /// when none is named.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |why| ReferenceError {
            text: text.chars().take(LONGEST_NAME).collect(),
            why,
        };
        let rest = text.strip_prefix("oci://").unwrap_or(text);
        let (registry, rest) = rest
            .split_once('/')
            .ok_or_else(|| wrong("it has no path"))?;
        let (path, version) = match (rest.split_once('@'), rest.rsplit_once(':')) {
            (Some((path, digest)), _) => {
                let path = path.split(':').next().unwrap_or_default();
                (path, Version::Digest(digest.to_owned()))
            }
            (None, Some((path, tag))) => (path, Version::Tag(tag.to_owned())),
            (None, None) => (rest, Version::Tag(DEFAULT_TAG.to_owned())),
        };
        if !is_registry(registry) {
            return Err(wrong("what stands before the first / is no host"));
        }
        if path.len() > LONGEST_NAME || !path.split('/').all(is_component) {
            return Err(wrong("paths are of lower-case letters, digits, ., _ and -"));
        }
        match &version {
            Version::Tag(tag) if !is_tag(tag) => Err(wrong("the tag is not one")),
            Version::Digest(digest) if !is_digest(digest) => Err(wrong("the digest is not one")),
            _ => Ok(Reference {
                registry: registry.to_owned(),
                repository: path.to_owned(),
                version,
            }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match self.version {
            Version::Tag(_) => ':',
            Version::Digest(_) => '@',
        };
        let (registry, repository) = (&self.registry, &self.repository);
        write!(f, "{registry}/{repository}{separator}{}", self.version())
    }
}

fn is_registry(text: &str) -> bool {
    let name = host(text);
    let port = text.rsplit_once(':').map(|(_, port)| port);
    let bracketed = text.starts_with('[');
    let known = match bracketed {
        true => name.parse::<std::net::Ipv6Addr>().is_ok(),
        false => {
            // A path of one word must not be taken for a host.
            (name.contains('.') || name == "localhost" || port.is_some())
                && name
                    .split('.')
                    .all(|label| !label.is_empty() && label.chars().all(is_host_char))
        }
    };
    known
        && match text.len() - name.len() - if bracketed { 2 } else { 0 } {
            0 => true,
            _ => port.is_some_and(|port| port.parse::<u16>().is_ok()),
        }
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// Distribution specification: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends(text.chars().next())
        && ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        && !text.contains("..")
        && !text.contains("___")
}

/// Distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !text.is_empty()
        && !text.starts_with(['.', '-'])
}

pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64
            && digits
                .bytes()
                .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let by_digest = format!("r.example/a@{digest}");
        for (text, registry, repository, version) in [
            ("r.example/a:1", "r.example", "a", "1"),
            (
                "oci://r.example/a/b-c.d_e",
                "r.example",
                "a/b-c.d_e",
                "latest",
            ),
            (
                "localhost:5000/a:v1.0_x-y",
                "localhost:5000",
                "a",
                "v1.0_x-y",
            ),
            ("[::1]:5000/a:1", "[::1]:5000", "a", "1"),
            ("127.0.0.1:1/a:1", "127.0.0.1:1", "a", "1"),
            (&by_digest, "r.example", "a", &digest),
        ] {
            let reference: Reference = text.parse().unwrap();
            let parts = (reference.registry.as_str(), reference.repository.as_str());
            assert_eq!(parts, (registry, repository), "{text}");
            assert_eq!(reference.version(), version);
            let again: Reference = reference.to_string().parse().unwrap();
            assert_eq!(again, reference);
        }
        let both: Reference = format!("r.example/a:1@{digest}").parse().unwrap();
        assert_eq!(both.version, Version::Digest(digest));
    }

    #[test]
    fn what_is_no_reference() {
        for text in [
            "",
            "a",
            "a/b",
            "r.example",
            "r.example/",
            "r.example/A",
            "r.example/a:",
            "r.example/a:b c",
            "r.example/a//b",
            "r.example/../b",
            "r.example/a..b",
            "r.example/a@sha256:00",
            "r.example/a@md5:00",
            "r.example:x/a",
            "r.example:99999/a",
            "[::1/a",
            "[x]:1/a",
            "user@r.example/a",
            "r.example?/a",
            "r.example/a?b",
            "http://r.example/a",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known() {
        for (text, loopback) in [
            ("localhost/a", true),
            ("localhost:1/a", true),
            ("127.9.0.1:1/a", true),
            ("[::1]:1/a", true),
            ("10.0.0.1:1/a", false),
            ("localhost.example/a", false),
            ("127.0.0.1.example/a", false),
        ] {
            assert_eq!(
                text.parse::<Reference>().unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }
}
