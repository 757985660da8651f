//! The results as JUnit XML, which CI servers read.

use std::fmt::Write as _;

use super::Checked;
use super::report::explain;
use super::transcript::{render, rows};
use crate::cli::Output;

/// The document: a suite for each file, a case for each call.
pub(super) fn document(checked: &[Checked]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let failed = |cases: &[Checked]| cases.iter().filter(|one| !one.passed()).count();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "<testsuites tests=\"{}\" failures=\"{}\">",
        checked.len(),
        failed(checked)
    );
    for suite in checked.chunk_by(|one, next| one.file == next.file) {
        let file = suite.first().map_or("", |first| &first.file);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">",
            escape(file),
            suite.len(),
            failed(suite)
        );
        for one in suite {
            case(&mut text, one);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, checked: &Checked) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(&checked.file),
        escape(&checked.case.name),
        checked.verdict.lasted.as_secs_f64()
    );
    if checked.passed() {
        text.push_str("/>\n");
        return;
    }
    let lines = explain(checked);
    let plain = Output::plain(false, jiff::tz::TimeZone::UTC);
    let transcript = render(&rows(checked), &plain);
    let _ = writeln!(
        text,
        ">\n      <failure message=\"{}\">{}{}</failure>\n    </testcase>",
        escape(&lines.join("; ")),
        escape(&transcript),
        escape(&lines.join("\n"))
    );
}

/// Text for XML 1.0, which knows no control characters but tab and line ends.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_the_document() {
        assert_eq!(
            escape("a<b> & \"c\"\u{1b}[1m\n"),
            "a&lt;b&gt; &amp; &quot;c&quot; [1m\n"
        );
    }
}
