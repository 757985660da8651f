//! What a component brings along for its deploy: the tests that it must pass and the prompts that
//! it needs, in custom sections, so that they are part of its bytes and of its digest.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasmparser::{Encoding, Parser, Payload};

const TESTS: &str = "vireo:tests";
const PROMPTS: &str = "vireo:prompts";

/// The most that a section may have, bytes.
const LARGEST: usize = 4 << 20;

/// The most scripts and the most prompts.
const MOST: usize = 10_000;

/// What a component brings along for its deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShippedFiles {
    /// Scripts for `vireo test`.
    pub tests: Vec<TestFile>,
    /// Prompts that must exist where it is deployed.
    pub prompts: Vec<PromptName>,
}

/// A script for `vireo test`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestFile {
    /// Its file name.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// A prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptName {
    /// Its language; empty: the server's default.
    #[serde(default)]
    pub language: String,
    /// Its name, as the flow plays it.
    pub name: String,
}

/// Why nothing can be brought along, or what is there cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShippedError {
    /// The file is no component.
    #[error("it is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It has such a section already.
    #[error("it has a section {0} already; build the component anew")]
    Twice(&'static str),
    /// The section is larger than is allowed.
    #[error("the section {section} has {size} bytes; {LARGEST} are allowed")]
    TooLarge {
        /// Its name.
        section: &'static str,
        /// Its size.
        size: usize,
    },
    /// The section has too many entries, or is not understood.
    #[error("the section {section} is not understood: {why}")]
    NotUnderstood {
        /// Its name.
        section: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl ShippedFiles {
    /// The component with these in it. What is empty gets no section.
    ///
    /// # Errors
    /// See [`ShippedError`].
    pub fn embed(&self, component: &[u8]) -> Result<Vec<u8>, ShippedError> {
        let mut grown = component.to_vec();
        if !self.tests.is_empty() {
            append(&mut grown, component, TESTS, &self.tests)?;
        }
        if !self.prompts.is_empty() {
            append(&mut grown, component, PROMPTS, &self.prompts)?;
        }
        Ok(grown)
    }

    /// What a component brings along.
    ///
    /// # Errors
    /// See [`ShippedError`].
    pub fn of(component: &[u8]) -> Result<Self, ShippedError> {
        Ok(ShippedFiles {
            tests: read(component, TESTS)?,
            prompts: read(component, PROMPTS)?,
        })
    }
}

fn append<T: Serialize>(
    grown: &mut Vec<u8>,
    component: &[u8],
    section: &'static str,
    content: &[T],
) -> Result<(), ShippedError> {
    if find(component, section)?.is_some() {
        return Err(ShippedError::Twice(section));
    }
    let json = serde_json::to_vec(content).map_err(|error| ShippedError::NotUnderstood {
        section,
        why: error.to_string(),
    })?;
    check(section, json.len(), content.len())?;
    // A custom section (core specification, 5.5.3): 0, its size, the length of its name, the name.
    let mut body = Vec::with_capacity(json.len() + section.len() + 1);
    leb128(section.len(), &mut body);
    body.extend_from_slice(section.as_bytes());
    body.extend_from_slice(&json);
    grown.push(0);
    leb128(body.len(), grown);
    grown.extend_from_slice(&body);
    Ok(())
}

/// An unsigned number (core specification, 5.2.2).
fn leb128(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn read<T: DeserializeOwned>(
    component: &[u8],
    section: &'static str,
) -> Result<Vec<T>, ShippedError> {
    let Some(json) = find(component, section)? else {
        return Ok(Vec::new());
    };
    check(section, json.len(), 0)?;
    let content: Vec<T> =
        serde_json::from_slice(json).map_err(|error| ShippedError::NotUnderstood {
            section,
            why: error.to_string(),
        })?;
    check(section, json.len(), content.len())?;
    Ok(content)
}

fn check(section: &'static str, size: usize, entries: usize) -> Result<(), ShippedError> {
    if size > LARGEST {
        return Err(ShippedError::TooLarge { section, size });
    }
    if entries > MOST {
        let why = format!("it has {entries} entries; {MOST} are allowed");
        return Err(ShippedError::NotUnderstood { section, why });
    }
    Ok(())
}

/// The content of a section of the component itself, not of what it is made of.
fn find<'a>(component: &'a [u8], section: &str) -> Result<Option<&'a [u8]>, ShippedError> {
    let wrong = |why: String| ShippedError::NotAComponent(why);
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|error| wrong(error.to_string()))? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(wrong("it is a core module".to_owned())),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(found) if depth == 0 && found.name() == section => {
                return Ok(Some(found.data()));
            }
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> ShippedFiles {
        ShippedFiles {
            tests: vec![TestFile {
                file: "a.test.toml".to_owned(),
                text: "steps = []\n".repeat(100),
            }],
            prompts: vec![PromptName {
                language: String::new(),
                name: "demo/welcome".to_owned(),
            }],
        }
    }

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (@custom \"vireo:tests\" \"no\")))").unwrap()
    }

    #[test]
    fn what_is_put_in_comes_out_again() {
        let plain = component();
        assert_eq!(ShippedFiles::of(&plain).unwrap(), ShippedFiles::default());
        assert_eq!(ShippedFiles::default().embed(&plain).unwrap(), plain);
        let grown = files().embed(&plain).unwrap();
        assert!(grown.starts_with(&plain));
        assert_eq!(ShippedFiles::of(&grown).unwrap(), files());
        assert_eq!(files().embed(&grown), Err(ShippedError::Twice(TESTS)));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let module = wat::parse_str("(module)").unwrap();
        for (bytes, expected) in [
            (b"".as_slice(), "unexpected end"),
            (module.as_slice(), "core module"),
            (&component()[..20], "unexpected end"),
        ] {
            let error = ShippedFiles::of(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for text in [
            "{}",
            "[{}]",
            "[{\\\"file\\\": \\\"a\\\", \\\"text\\\": 1}]",
            "[",
        ] {
            let text = format!("(component (@custom \"vireo:tests\" \"{text}\"))");
            let wrong = wat::parse_str(&text).unwrap();
            let error = ShippedFiles::of(&wrong).unwrap_err();
            assert!(
                matches!(error, ShippedError::NotUnderstood { .. }),
                "{error}"
            );
        }
        let many = ShippedFiles {
            prompts: vec![files().prompts[0].clone(); MOST + 1],
            ..ShippedFiles::default()
        };
        assert!(many.embed(&component()).is_err());
    }
}
