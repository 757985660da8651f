//! Names and languages, made safe to look for on a disk.

use std::path::{Path, PathBuf};

use super::PromptError;

/// The longest name, octets.
const MAX_NAME: usize = 200;
/// The longest language tag, octets (RFC 5646, section 4.4.1, recommends 35).
const MAX_LANGUAGE: usize = 35;
/// Suffixes, in the order in which they are looked for.
const SUFFIXES: [&str; 3] = ["wav", "ulaw", "alaw"];

/// A file that a prompt may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) language: String,
}

/// Where a prompt may be, in the order in which to look: in its language, in the language with
/// fewer and fewer subtags (RFC 4647, section 3.4), in the default language likewise, without a
/// language.
pub(super) fn candidates(
    directory: &Path,
    default_language: &str,
    language: &str,
    name: &str,
) -> Result<Vec<Candidate>, PromptError> {
    check_name(name)?;
    let mut languages: Vec<&str> = Vec::new();
    for tag in [language, default_language] {
        check_language(tag)?;
        for tag in lookup(tag) {
            if !languages.contains(&tag) {
                languages.push(tag);
            }
        }
    }
    languages.push("");
    let of_language = |language: &&str| {
        let base = if language.is_empty() {
            directory.to_owned()
        } else {
            directory.join(language)
        };
        let language = (*language).to_owned();
        // Not `with_extension`: a name may hold a dot.
        SUFFIXES.map(|suffix| Candidate {
            path: base.join(format!("{name}.{suffix}")),
            language: language.clone(),
        })
    };
    Ok(languages.iter().flat_map(of_language).collect())
}

/// The tag, then the tag without its last subtag, and so on; nothing for an empty one.
fn lookup(tag: &str) -> impl Iterator<Item = &str> {
    let first = (!tag.is_empty()).then_some(tag);
    std::iter::successors(first, |tag| tag.rfind('-').map(|end| &tag[..end]))
}

/// An empty language is possible: nothing is then looked for in one.
pub(super) fn check_language(language: &str) -> Result<(), PromptError> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    let possible = language.len() <= MAX_LANGUAGE
        && !language.starts_with('-')
        && language.bytes().all(allowed);
    if possible {
        Ok(())
    } else {
        Err(PromptError::Language(language.to_owned()))
    }
}

fn check_name(name: &str) -> Result<(), PromptError> {
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.len() > MAX_NAME {
        "it is longer than 200 bytes"
    } else if name.starts_with('/') {
        "it must be relative to the prompts directory"
    } else if name.contains('\\') {
        "directories are separated by /, not \\"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else if name
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
    {
        "it must not hold an empty part, . or .."
    } else if SUFFIXES.iter().any(|suffix| {
        name.strip_suffix(suffix)
            .is_some_and(|rest| rest.ends_with('.'))
    }) {
        "names are written without their suffix (.wav, .ulaw, .alaw)"
    } else {
        return Ok(());
    };
    Err(PromptError::Name {
        name: name.to_owned(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(default: &str, language: &str, name: &str) -> Vec<String> {
        candidates(Path::new("p"), default, language, name)
            .unwrap()
            .into_iter()
            .filter(|candidate| candidate.path.extension().unwrap() == "wav")
            .map(|candidate| candidate.path.display().to_string())
            .collect()
    }

    #[test]
    fn languages_are_looked_for_in_order() {
        let table: [(&str, &str, &[&str]); 6] = [
            (
                "en",
                "zh-CN",
                &[
                    "p/zh-CN/a/b.wav",
                    "p/zh/a/b.wav",
                    "p/en/a/b.wav",
                    "p/a/b.wav",
                ],
            ),
            (
                "en-US",
                "en",
                &["p/en/a/b.wav", "p/en-US/a/b.wav", "p/a/b.wav"],
            ),
            (
                "en",
                "en-GB",
                &["p/en-GB/a/b.wav", "p/en/a/b.wav", "p/a/b.wav"],
            ),
            (
                "en",
                "zh-Hant-TW",
                &[
                    "p/zh-Hant-TW/a/b.wav",
                    "p/zh-Hant/a/b.wav",
                    "p/zh/a/b.wav",
                    "p/en/a/b.wav",
                    "p/a/b.wav",
                ],
            ),
            ("en", "", &["p/en/a/b.wav", "p/a/b.wav"]),
            ("", "", &["p/a/b.wav"]),
        ];
        for (default, language, expected) in table {
            assert_eq!(paths(default, language, "a/b"), expected);
        }
    }

    #[test]
    fn suffixes_are_looked_for_in_order() {
        let all = candidates(Path::new("p"), "", "de", "v1.2").unwrap();
        let names: Vec<_> = all.iter().map(|c| c.path.to_str().unwrap()).collect();
        let expected = [
            "p/de/v1.2.wav",
            "p/de/v1.2.ulaw",
            "p/de/v1.2.alaw",
            "p/v1.2.wav",
            "p/v1.2.ulaw",
            "p/v1.2.alaw",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        let long = "x".repeat(201);
        for name in [
            "",
            "/etc/passwd",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            "welcome.wav",
            "a/b.ulaw",
            &long,
        ] {
            let error = candidates(Path::new("p"), "en", "en", name).unwrap_err();
            assert!(
                matches!(error, PromptError::Name { .. }),
                "{name:?}: {error}"
            );
        }
        for language in [
            "../en",
            "en/x",
            ".",
            "-en",
            "en\0",
            "a-very-long-tag-that-nobody-has-ever-used",
        ] {
            let error = candidates(Path::new("p"), "en", language, "a").unwrap_err();
            assert!(matches!(error, PromptError::Language(_)), "{language:?}");
        }
        for name in ["a", "menu/welcome", "日本語", "a b", "..a", "a..b", "wav"] {
            assert!(
                candidates(Path::new("p"), "en", "en", name).is_ok(),
                "{name:?}"
            );
        }
    }
}
