//! What is wrong with a configuration file, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::explain::{Code, Coded};

/// One thing that is wrong, at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of error it is.
    pub code: Code,
    /// The bytes of the file that it is about; empty where a thing is missing.
    pub span: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in a few words.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    #[must_use]
    pub fn new(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            span,
            message: message.into(),
            help: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as the user named it.
    pub file: PathBuf,
    /// Its text; empty when it could not be read.
    pub text: String,
    /// The errors in the order of the file; at least one.
    pub diagnostics: Vec<Diagnostic>,
}

impl ConfigError {
    pub(crate) fn new(file: &Path, text: &str, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        ConfigError {
            file: file.to_owned(),
            text: text.to_owned(),
            diagnostics,
        }
    }

    /// The errors as data, for `--json`.
    #[must_use]
    pub fn located(&self) -> Vec<Located<'_>> {
        let file = self.file.display().to_string();
        let locate = |diagnostic: &'_ Diagnostic| {
            let place = Place::find(&self.text, diagnostic.span.start);
            (place.line, place.column)
        };
        self.diagnostics
            .iter()
            .map(|diagnostic| {
                let (line, column) = locate(diagnostic);
                Located {
                    code: diagnostic.code.name(),
                    file: file.clone(),
                    line,
                    column,
                    message: &diagnostic.message,
                    help: diagnostic.help.as_deref(),
                }
            })
            .collect()
    }
}

impl std::error::Error for ConfigError {}

impl Coded for ConfigError {
    fn code(&self) -> Code {
        self.diagnostics
            .first()
            .map_or(Code::ConfigUnreadable, |first| first.code)
    }
}

/// An error with its place as people count: from 1, in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Located<'a> {
    /// The code, "VR0003".
    pub code: &'static str,
    /// The file as the user named it.
    pub file: String,
    /// From 1; 0 when the error is about the file as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it.
    pub help: Option<&'a str>,
}

/// A place in a text.
pub(crate) struct Place<'a> {
    pub line: usize,
    column: usize,
    text: &'a str,
    start: usize,
}

impl<'a> Place<'a> {
    pub fn find(text: &'a str, offset: usize) -> Place<'a> {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[offset..]
            .find('\n')
            .map_or(text.len(), |newline| offset + newline);
        Place {
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
            text: text[start..end].trim_end_matches('\r'),
            start,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(f, "\n")?;
            }
            self.write_one(f, diagnostic)?;
        }
        if self.diagnostics.len() > 1 {
            write!(
                f,
                "\n\n{} errors in {}",
                self.diagnostics.len(),
                self.file.display()
            )?;
        }
        Ok(())
    }
}

impl ConfigError {
    fn write_one(&self, f: &mut fmt::Formatter<'_>, diagnostic: &Diagnostic) -> fmt::Result {
        let Diagnostic {
            code,
            span,
            message,
            help,
        } = diagnostic;
        write!(f, "error[{code}]: {message}")?;
        if self.text.is_empty() {
            if let Some(help) = help {
                write!(f, "\n  = {help}")?;
            }
            return Ok(());
        }
        let place = Place::find(&self.text, span.start);
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        write!(
            f,
            "\n{margin}--> {}:{}:{}",
            self.file.display(),
            place.line,
            place.column
        )?;
        write!(f, "\n{margin} |\n{number} | {}", place.text)?;
        // Tabs stay tabs, so that the marks stand below what they mark.
        let indent: String = place
            .text
            .chars()
            .take(place.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let line_end = place.start + place.text.len();
        let marked = self
            .text
            .get(span.start..span.end.min(line_end))
            .unwrap_or_default();
        let marks = "^".repeat(marked.chars().count().max(1));
        write!(f, "\n{margin} | {indent}{marks}")?;
        if let Some(help) = help {
            write!(f, "\n{margin} = {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let diagnostic = Diagnostic::new(Code::ConfigValue, span, "wrong").help("do this");
        ConfigError::new(Path::new("a.toml"), text, vec![diagnostic]).to_string()
    }

    #[test]
    fn the_line_is_quoted_and_the_place_marked() {
        let text = "[sip]\n\tlisten = \"ü\" # x\nlast";
        let start = text.find('"').unwrap();
        assert_eq!(
            shown(text, start..start + 4),
            "error[VR0004]: wrong\n --> a.toml:2:11\n  |\n2 | \tlisten = \"ü\" # x\n  | \t         ^^^\n  = do this"
        );
    }

    #[test]
    fn any_span_can_be_shown() {
        let text = "a = \"é\"\n\nb";
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                assert!(shown(text, start..end).contains("a.toml:"));
            }
        }
    }
}
