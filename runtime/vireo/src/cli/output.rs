//! What commands print: tables for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::error::CliError;
use crate::moment;

/// Where and how a command prints.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    colour: bool,
    zone: TimeZone,
}

impl Output {
    /// Standard output of this process: colour only on a terminal and without `NO_COLOR`
    /// (no-color.org); times in this machine's time zone.
    #[must_use]
    pub fn standard(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Output {
            json,
            colour: wanted && io::stdout().is_terminal(),
            zone: TimeZone::system(),
        }
    }

    /// Plain text, times in `zone`: what tests compare.
    #[must_use]
    pub fn plain(json: bool, zone: TimeZone) -> Self {
        Output {
            json,
            colour: false,
            zone,
        }
    }

    /// Is JSON wanted?
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text as it is.
    pub fn raw(&self, text: &str) {
        // Nobody is left to be told when standard output is closed: `vireo cdr list | head`.
        let _ = io::stdout().lock().write_all(text.as_bytes());
    }

    /// Prints a line.
    pub fn line(&self, text: &str) {
        self.raw(&format!("{text}\n"));
    }

    /// Prints lines to standard error.
    pub fn error(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Prints a value as JSON.
    ///
    /// # Errors
    /// None that the types of the API can cause.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::internal(error.to_string()))?;
        self.line(&text);
        Ok(())
    }

    /// Marks a heading.
    #[must_use]
    pub fn heading(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Marks what is wrong.
    #[must_use]
    pub fn alarm(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A moment in this machine's time zone: "2026-11-22 20:00:03".
    #[must_use]
    pub fn moment(&self, ms: u64) -> String {
        moment::show(ms, &self.zone)
    }

    /// Prints a table, or `empty` when it has no rows.
    pub fn table(&self, table: &Table, empty: &str) {
        if table.rows.is_empty() {
            self.line(empty)
        } else {
            self.raw(&table.render(self))
        }
    }
}

/// A table: as wide as its content, columns two blanks apart.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings; one that begins with ">" is of a column of numbers, which
    /// stand right.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Table {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Control characters, which callers could send, become blanks.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        let clean = |cell: String| {
            cell.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// The table as text.
    #[must_use]
    pub fn render(&self, output: &Output) -> String {
        let width = |column: usize, name: &str| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells
                .chain([name.trim_start_matches('>').chars().count()])
                .max()
                .unwrap_or(0)
        };
        let columns: Vec<(bool, usize)> = self
            .head
            .iter()
            .enumerate()
            .map(|(index, name)| (name.starts_with('>'), width(index, name)))
            .collect();
        let line = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&columns).map(|(cell, (right, width))| {
                if *right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let head = line(
            self.head
                .iter()
                .map(|name| name.trim_start_matches('>'))
                .collect(),
        );
        let mut text = output.heading(&head) + "\n";
        for row in &self.rows {
            text.push_str(&line(row.iter().map(String::as_str).collect()));
            text.push('\n');
        }
        text
    }
}

/// "3.2 s", "1:05 min", "2:03:04 h"
#[must_use]
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02} h",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// The first digits of a digest: enough to tell versions apart.
#[must_use]
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["NAME", ">COUNT", "WHY"]);
        table.row(["é".to_owned(), "7".to_owned(), String::new()]);
        table.row([
            "longer".to_owned(),
            "1234567".to_owned(),
            "a\u{1b}b".to_owned(),
        ]);
        let output = Output::plain(false, TimeZone::UTC);
        assert_eq!(
            table.render(&output),
            "NAME      COUNT  WHY\né             7\nlonger  1234567  a b\n"
        );
    }

    #[test]
    fn durations_are_short() {
        for (ms, expected) in [
            (0, "0.0 s"),
            (3250, "3.2 s"),
            (65_000, "1:05 min"),
            (7_384_000, "2:03:04 h"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }
}
