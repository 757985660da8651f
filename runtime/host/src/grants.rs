//! What a flow may use besides its call.

use serde::{Deserialize, Serialize};

use crate::contract::Error;
use crate::inspect::Inspection;
use crate::url::{self, Url};

/// What a flow may use besides its call. Nothing is granted by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// The namespace of its keys; none: no key-value store.
    pub kv: Option<String>,
    /// Hosts it may send HTTP requests to: `api.example.com`, `10.0.0.7:8080`, `[::1]:8080`,
    /// `*.example.com` (any name below it, not itself). Without a port, the scheme's own.
    pub http: Vec<String>,
    /// Names of the secrets it may read.
    pub secrets: Vec<String>,
    /// What it is not to have, and has been told so: a component may import it, as those do that
    /// import everything, and is denied it when it calls.
    pub withheld: Vec<Grant>,
}

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// The key-value store.
    Kv,
    /// HTTP requests.
    Http,
    /// Secrets.
    Secrets,
}

impl Grant {
    /// Its key in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Grant::Kv => "kv",
            Grant::Http => "http",
            Grant::Secrets => "secrets",
        }
    }

    /// As it is written in the configuration: granted, and withheld.
    fn lines(self) -> [&'static str; 2] {
        match self {
            Grant::Kv => ["kv = true", "kv = false"],
            Grant::Http => ["http = [\"HOST\"]", "http = []"],
            Grant::Secrets => ["secrets = [\"NAME\"]", "secrets = []"],
        }
    }
}

/// A grant that a component needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingGrant {
    /// The grant's key: `kv`, `http` or `secrets`.
    pub grant: String,
    /// Which function of the contract needs it, as `kv.get`.
    pub needed_by: String,
    /// What to do, in one sentence.
    pub advice: String,
}

impl Grants {
    /// What a component with these imports would miss.
    pub(crate) fn missing_for(&self, inspection: &Inspection) -> Vec<MissingGrant> {
        let rows = [
            (Grant::Kv, "kv", "", self.kv.is_none()),
            (Grant::Http, "http", "send", self.http.is_empty()),
            (
                Grant::Secrets,
                "settings",
                "secret",
                self.secrets.is_empty(),
            ),
        ];
        rows.into_iter()
            .filter(|(grant, interface, function, missing)| {
                *missing && !self.withheld.contains(grant) && inspection.uses(interface, function)
            })
            .map(|(grant, interface, function, _)| {
                let [granted, withheld] = grant.lines();
                MissingGrant {
                    grant: grant.name().to_owned(),
                    needed_by: match function {
                        "" => interface.to_owned(),
                        function => format!("{interface}.{function}"),
                    },
                    advice: format!(
                        "{}, or `{withheld}` if it only imports it and does without",
                        advice(granted)
                    ),
                }
            })
            .collect()
    }

    pub(crate) fn check_kv(&self) -> Result<(), Error> {
        match self.kv {
            Some(_) => Ok(()),
            None => denied("kv", "kv = true"),
        }
    }

    pub(crate) fn check_secret(&self, name: &str) -> Result<(), Error> {
        match self.secrets.iter().any(|granted| granted == name) {
            true => Ok(()),
            false => denied(
                &format!("secrets ({name:?})"),
                &format!("secrets = [{name:?}]"),
            ),
        }
    }

    pub(crate) fn check_http(&self, url: &Url) -> Result<(), Error> {
        if self.http.iter().any(|pattern| covers(pattern, url)) {
            return Ok(());
        }
        let host = match url.host.contains(':') {
            true => format!("[{}]", url.host),
            false => url.host.clone(),
        };
        let host = match url.port == url.scheme.default_port() {
            true => host,
            false => format!("{host}:{}", url.port),
        };
        denied(&format!("http ({host:?})"), &format!("http = [{host:?}]"))
    }

    /// Patterns of `http` that can never match, each with the reason: for the configuration check.
    pub fn problems(&self) -> Vec<String> {
        let problem = |pattern: &String| {
            let host = pattern.strip_prefix("*.").unwrap_or(pattern);
            let why = url::host_and_port(host).err()?;
            Some(format!("the http grant {pattern:?} {why}"))
        };
        self.http.iter().filter_map(problem).collect()
    }
}

fn advice(line: &str) -> String {
    format!("add `{line}` under [flows.NAME.grants]")
}

fn denied(grant: &str, line: &str) -> Result<(), Error> {
    Err(Error::Denied(format!(
        "{grant}: this flow has no such grant; {}",
        advice(line)
    )))
}

fn covers(pattern: &str, url: &Url) -> bool {
    let (below, pattern) = match pattern.strip_prefix("*.") {
        Some(domain) => (true, domain),
        None => (false, pattern),
    };
    let Ok((host, port)) = url::host_and_port(pattern) else {
        return false;
    };
    let port_fits = port.unwrap_or(url.scheme.default_port()) == url.port;
    let host_fits = match below {
        true => url
            .host
            .strip_suffix(&host)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        false => url.host == host,
    };
    port_fits && host_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_patterns() {
        for (pattern, url, granted) in [
            ("api.example.com", "https://api.example.com/x", true),
            ("api.example.com", "http://API.example.com./x", true),
            ("api.example.com", "https://api.example.com:8443/x", false),
            (
                "api.example.com:8443",
                "https://api.example.com:8443/x",
                true,
            ),
            ("api.example.com:443", "http://api.example.com/", false),
            ("api.example.com", "http://api.example.com.evil.org/", false),
            ("*.example.com", "http://a.b.example.com/", true),
            ("*.example.com", "http://example.com/", false),
            ("*.example.com", "http://evilexample.com/", false),
            ("*.example.com:81", "http://a.example.com:81/", true),
            ("[::1]:8080", "http://[0::1]:8080/", true),
            ("[::1]:8080", "http://[::2]:8080/", false),
            ("127.0.0.1", "http://127.0.0.1/", true),
            ("127.0.0.1", "http://127.1/", false),
            ("*", "http://example.com/", false),
            ("", "http://example.com/", false),
        ] {
            let grants = Grants {
                http: vec![pattern.to_owned()],
                ..Grants::default()
            };
            let url = Url::parse(url).unwrap();
            assert_eq!(
                grants.check_http(&url).is_ok(),
                granted,
                "{pattern} {url:?}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_add() {
        let url = Url::parse("http://[::1]:8080/").unwrap();
        let Err(Error::Denied(text)) = Grants::default().check_http(&url) else {
            panic!()
        };
        assert!(
            text.contains("add `http = [\"[::1]:8080\"]` under [flows.NAME.grants]"),
            "{text}"
        );
    }

    #[test]
    fn patterns_that_match_nothing_are_problems() {
        let http = [
            "ok.example",
            "*.ok.example",
            "[::1]:1",
            "http://no.example",
            "*",
            "a:b",
        ];
        let grants = Grants {
            http: http.map(str::to_owned).to_vec(),
            ..Grants::default()
        };
        let problems = grants.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
