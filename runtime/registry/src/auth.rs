//! How a registry learns who asks (distribution specification; RFC 9110, 11.6.1; RFC 6750).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Who asks. It is shown to no one but the registry, and to the token server that it names.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password, or a token that stands for it.
        password: String,
    },
    /// A token for the registry itself.
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Anonymous => f.write_str("Anonymous"),
            Credentials::Basic { user, .. } => write!(f, "Basic({user}, ***)"),
            Credentials::Token(_) => f.write_str("Token(***)"),
        }
    }
}

/// A file of credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct AuthFileError {
    path: PathBuf,
    why: String,
}

#[derive(Deserialize)]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    registrytoken: String,
}

impl Credentials {
    /// The credentials of a registry in a file as `docker login` and `podman login` write it
    /// (containers-auth.json(5)); anonymous when it has none.
    ///
    /// # Errors
    /// The file cannot be read, or is not of that kind.
    pub fn of_file(path: &Path, registry: &str) -> Result<Self, AuthFileError> {
        let wrong = |why: String| AuthFileError {
            path: path.to_owned(),
            why,
        };
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        // The error may quote the file: its place is enough.
        let file: AuthFile = serde_json::from_slice(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            wrong(format!(
                "it is no file of `docker login`: line {line}, column {column}"
            ))
        })?;
        let entry = ["", "https://", "http://"]
            .iter()
            .find_map(|scheme| file.auths.get(&format!("{scheme}{registry}")));
        let Some(entry) = entry else {
            return Ok(Credentials::Anonymous);
        };
        if !entry.registrytoken.is_empty() {
            return Ok(Credentials::Token(entry.registrytoken.clone()));
        }
        let pair = STANDARD.decode(&entry.auth).ok();
        let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok());
        match pair.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((user, password)) => Ok(Credentials::Basic {
                user: user.to_owned(),
                password: password.trim_end_matches('\0').to_owned(),
            }),
            None => Err(wrong(format!(
                "`auth` of {registry} is not the base64 of USER:PASSWORD"
            ))),
        }
    }
}

/// What a registry asks for with 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password.
    Basic,
    /// A token, to be had from `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the value of a WWW-Authenticate header; none when it asks for something else.
    pub fn parse(text: &str) -> Option<Challenge> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let find = |wanted: &str| {
            let found = parameters
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        Some(Challenge::Bearer {
            realm: find("realm")?,
            service: find("service"),
            scope: find("scope"),
        })
    }
}

/// `name="value", name=value`: a value in quotes may hold commas.
fn parameters(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_owned();
        let value = match after.strip_prefix('"') {
            Some(quoted) => {
                let Some((value, after)) = quoted.split_once('"') else {
                    break;
                };
                rest = after;
                value
            }
            None => {
                let (value, after) = after.split_once(',').unwrap_or((after, ""));
                rest = after;
                value.trim()
            }
        };
        found.push((name, value.to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        for (text, expected) in [
            (
                "Bearer realm=\"https://a.example/token\",service=\"r\",scope=\"repository:a:pull,push\"",
                bearer(
                    "https://a.example/token",
                    Some("r"),
                    Some("repository:a:pull,push"),
                ),
            ),
            (
                "bearer  service=r , realm=\"x\"",
                bearer("x", Some("r"), None),
            ),
            ("Basic realm=\"r\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            ("Bearer service=\"r\"", None),
            ("Bearer realm=\"r", None),
            ("Digest realm=\"r\"", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn files_of_docker_login() {
        let file = std::env::temp_dir().join(format!("vireo-auth-{}.json", std::process::id()));
        let of = |text: &str, registry: &str| {
            std::fs::write(&file, text).unwrap();
            Credentials::of_file(&file, registry)
        };
        let text = r#"{"auths": {"r.example": {"auth": "YTpiOmM="}, "https://s.example": {"auth": "YTpi"},
            "t.example": {"registrytoken": "xyz"}, "u.example": {"auth": "!"}}, "credsStore": "x"}"#;
        let basic = |user: &str, password: &str| Credentials::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        assert_eq!(of(text, "r.example").unwrap(), basic("a", "b:c"));
        assert_eq!(of(text, "s.example").unwrap(), basic("a", "b"));
        assert_eq!(
            of(text, "t.example").unwrap(),
            Credentials::Token("xyz".to_owned())
        );
        assert_eq!(of(text, "v.example").unwrap(), Credentials::Anonymous);
        let error = of(text, "u.example").unwrap_err().to_string();
        assert!(error.contains("u.example"), "{error}");
        let error = of("{\"auths\": \"s3cr3t\"", "r.example")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
        std::fs::remove_file(&file).unwrap();
        assert!(Credentials::of_file(&file, "r.example").is_err());
        let shown = format!(
            "{:?} {:?}",
            basic("a", "s3cr3t"),
            Credentials::Token("s3cr3t".into())
        );
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
