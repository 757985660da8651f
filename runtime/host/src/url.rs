//! Absolute URLs of HTTP, read strictly.
//!
//! What the grant was checked against must be what is connected to, so everything that URL
//! parsers disagree on is refused: user-info, backslashes, control characters, percent-encoded
//! or non-ASCII hosts (RFC 3986, 3.2 allows some of these; no flow needs them).

use std::net::Ipv6Addr;

use crate::http::Scheme;

/// Bytes of a URL.
const LONGEST: usize = 8 << 10;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    /// Lower case; IPv6 in its canonical form (RFC 5952), without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query; starts with `/`.
    pub(crate) target: String,
}

impl Url {
    /// Errors are the end of a sentence that starts with "the URL".
    pub(crate) fn parse(text: &str) -> Result<Url, String> {
        if text.len() > LONGEST {
            return Err(format!("has {} bytes; at most {LONGEST}", text.len()));
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '\\') {
            return Err(format!("has {bad:?} in it; percent-encode it"));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            _ => return Err("must start with http:// or https://".to_owned()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = host_and_port(authority)?;
        let target = target.split_once('#').map_or(target, |(target, _)| target);
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Url {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            target: format!("{slash}{target}"),
        })
    }
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(crate) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    if authority.contains('@') {
        return Err("has user-info (`@`) in it; send an Authorization header instead".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest
                .split_once(']')
                .ok_or("has an IPv6 address without its `]`")?;
            let address: Ipv6Addr = address
                .parse()
                .map_err(|_| format!("has `{address}` for an IPv6 address"))?;
            let port = match port {
                "" => None,
                port => Some(
                    port.strip_prefix(':')
                        .ok_or("has no `:` after the IPv6 address")?,
                ),
            };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            (name(host)?, port)
        }
    };
    Ok((host, port.map(number).transpose()?))
}

fn name(host: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A last dot makes a name absolute (RFC 1034, 3.1); it names the same host.
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.len() <= 253 && host.split('.').all(is_label) {
        true => Ok(host.to_ascii_lowercase()),
        false => Err(format!("has `{host}` for a host name")),
    }
}

fn number(port: &str) -> Result<u16, String> {
    match port.parse::<u16>() {
        // `parse` takes "+80".
        Ok(number) if number != 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        _ => Err(format!("has `{port}` for a port; it must be 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_is_plain() {
        for (text, scheme, host, port, target) in [
            ("http://a.example", Scheme::Http, "a.example", 80, "/"),
            (
                "HTTPS://A.Example/X?y=1#z",
                Scheme::Https,
                "a.example",
                443,
                "/X?y=1",
            ),
            (
                "http://a.example:8080?q",
                Scheme::Http,
                "a.example",
                8080,
                "/?q",
            ),
            ("http://a.example./", Scheme::Http, "a.example", 80, "/"),
            ("http://[0:0::1]:81/p", Scheme::Http, "::1", 81, "/p"),
            (
                "http://127.0.0.1/a@b",
                Scheme::Http,
                "127.0.0.1",
                80,
                "/a@b",
            ),
            (
                "http://my_host-1/a//b",
                Scheme::Http,
                "my_host-1",
                80,
                "/a//b",
            ),
        ] {
            let url = Url {
                scheme,
                host: host.to_owned(),
                port,
                target: target.to_owned(),
            };
            assert_eq!(Url::parse(text), Ok(url), "{text}");
        }
    }

    #[test]
    fn refuses_what_parsers_disagree_on() {
        for text in [
            "",
            "a.example",
            "//a.example/",
            "ftp://a.example/",
            "http:/a.example/",
            "http:///path",
            "http://?q",
            "http://good.example@evil.example/",
            "http://good.example:80@evil.example/",
            "http://good.example\\@evil.example/",
            "http://good.example\\.evil.example/",
            "http://a.example:/",
            "http://a.example:0/",
            "http://a.example:+80/",
            "http://a.example:65536/",
            "http://a.example:80:81/",
            "http://a b.example/",
            "http://a.example/x y",
            "http://a.example/\r\nHost: evil",
            "http://a.example\u{0}/",
            "http://ex%61mple.example/",
            "http://b\u{fc}cher.example/",
            "http://a..example/",
            "http://.example/",
            "http://a.example../",
            "http://[::1/",
            "http://[::1]x/",
            "http://[fe80::1%25eth0]/",
            "http://::1/",
            "http://[127.0.0.1]/",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
        assert!(Url::parse(&format!("http://a/{}", "x".repeat(LONGEST))).is_err());
    }
}
