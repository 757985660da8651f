//! A new project: template, SDK and contract, so that it builds on its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The files of `sdk/`: path below it, and text.
const SDK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The name that the templates carry, and as cargo writes it in file names.
const TEMPLATE_NAME: &str = "my-flow";
const TEMPLATE_FILE_NAME: &str = "my_flow";

/// The longest name of a project.
const LONGEST_NAME: usize = 64;

/// A language that flows can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// Rust.
    Rust,
    /// C, or C++.
    C,
    /// JavaScript, or TypeScript.
    Js,
    /// Python.
    Python,
    /// Go.
    Go,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 5] = [
        Language::Rust,
        Language::C,
        Language::Js,
        Language::Python,
        Language::Go,
    ];

    /// As it is written on the command line, and the directory below `sdk/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Js => "js",
            Language::Python => "python",
            Language::Go => "go",
        }
    }

    /// What is typed in a project of this language to build it.
    #[must_use]
    pub fn build_command(self) -> &'static str {
        match self {
            Language::Rust => "cargo build --release",
            Language::C | Language::Go | Language::Python => "make",
            Language::Js => "npm install && npm run build",
        }
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Language::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let names = Language::ALL.map(Language::name).join(", ");
            format!("there are: {names}")
        })
    }
}

/// Why a project cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The name does not serve in every language's manifest.
    #[error(
        "{0:?} is no name for a project: lower-case letters, digits and hyphens, a letter first, \
         at most {LONGEST_NAME}"
    )]
    Name(String),
    /// There is something in the directory.
    #[error("{} exists and is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The directory cannot be written to.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A project to be written.
///
/// Beside the template it holds the SDK and the contract in a directory `vireo/`: it builds without
/// this repository, and stays as it is when the server is updated.
#[derive(Clone, Debug)]
pub struct Project {
    directory: PathBuf,
    name: String,
    language: Language,
}

impl Project {
    /// A project in this directory; the directory's name is the project's.
    ///
    /// # Errors
    /// [`ProjectError::Name`].
    pub fn new(directory: impl Into<PathBuf>, language: Language) -> Result<Self, ProjectError> {
        let directory = directory.into();
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !starts || !name.chars().all(allowed) || name.len() > LONGEST_NAME {
            return Err(ProjectError::Name(name.into_owned()));
        }
        Ok(Project {
            name: name.into_owned(),
            directory,
            language,
        })
    }

    /// What will be written: paths below the directory, and texts.
    pub fn files(&self) -> impl Iterator<Item = (PathBuf, String)> {
        SDK.iter().filter_map(|(path, text)| {
            let (directory, rest) = path.split_once('/')?;
            if directory != "wit" && directory != self.language.name() {
                return None;
            }
            match rest.strip_prefix("template/") {
                Some(rest) => Some((
                    // A file that would take effect in the repository itself has another name there.
                    PathBuf::from(rest.replace("dot-", ".")),
                    text.replace(TEMPLATE_NAME, &self.name)
                        .replace(TEMPLATE_FILE_NAME, &self.name.replace('-', "_")),
                )),
                None => Some((Path::new("vireo").join(path), (*text).to_owned())),
            }
        })
    }

    /// Writes it. The directory is made; it may exist when it is empty.
    ///
    /// # Errors
    /// [`ProjectError::NotEmpty`], [`ProjectError::Write`].
    pub fn write(&self) -> Result<(), ProjectError> {
        let occupied = fs::read_dir(&self.directory).is_ok_and(|mut found| found.next().is_some());
        if occupied {
            return Err(ProjectError::NotEmpty(self.directory.clone()));
        }
        for (path, text) in self.files() {
            let path = self.directory.join(path);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            if let Err(source) = made.and_then(|()| fs::write(&path, text)) {
                return Err(ProjectError::Write { path, source });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_template_sdk_and_contract() {
        let place = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let directory = place.path().join(format!("balance-{}", language.name()));
            Project::new(&directory, language).unwrap().write().unwrap();
            for (file, expected) in [
                ("README.md", "balance-"),
                (".gitignore", ""),
                ("vireo/wit/flow.wit", "world flow"),
            ] {
                let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
                assert!(
                    text.contains(expected) && !text.is_empty(),
                    "{language:?}: {file}"
                );
                assert!(!text.contains(TEMPLATE_NAME), "{language:?}: {file}");
            }
            let sdk = directory.join("vireo").join(language.name());
            assert!(sdk.join("README.md").is_file(), "{language:?}");
            assert!(!sdk.join("template").exists(), "{language:?}");
            let again = Project::new(&directory, language).unwrap().write();
            assert!(matches!(again, Err(ProjectError::NotEmpty(_))));
        }
    }

    #[test]
    fn a_name_serves_in_every_manifest() {
        for name in ["hotline", "a", "line-2"] {
            assert!(
                Project::new(Path::new("/tmp").join(name), Language::C).is_ok(),
                "{name}"
            );
        }
        for name in [
            "Hotline",
            "2nd",
            "-x",
            "a b",
            "ä",
            "a_b",
            "..",
            "/",
            &"a".repeat(65),
        ] {
            assert!(Project::new(name, Language::C).is_err(), "{name}");
        }
    }

    #[test]
    fn languages_are_read_as_they_are_written() {
        for language in Language::ALL {
            assert_eq!(language.name().parse(), Ok(language));
        }
        let refused = "cobol".parse::<Language>().unwrap_err();
        assert_eq!(refused, "there are: rust, c, js, python, go");
    }
}
