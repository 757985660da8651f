//! A call as a page: its timeline drawn, its entries, the sound of its recordings. The page needs
//! nothing but itself, and runs no script.

mod chart;
mod markup;
mod waveform;

use std::path::PathBuf;

use vireo_store::journal::Entry;

use crate::timeline::{self, Detail, Line};
use markup::{Markup, escape};
use waveform::Waveform;

/// What a page shows.
pub(crate) struct Page<'a> {
    /// The heading.
    pub title: String,
    /// What is known of the call beside its journal.
    pub facts: Vec<(&'static str, String)>,
    /// The journal.
    pub entries: &'a [Entry],
    /// How much of it the table shows.
    pub detail: Detail,
    /// Ids of recordings, and where their files may be.
    pub recordings: Vec<(String, Vec<PathBuf>)>,
}

/// A recording that could not be shown.
struct Unreadable {
    path: String,
    why: String,
}

/// The page. Everything that came from outside is text in it.
pub(crate) fn html(page: &Page<'_>) -> String {
    let (waveforms, unreadable) = read(&page.recordings);
    let mut out = Markup::default();
    // No script, no address: what a caller sends as a name can do nothing even where it is not
    // escaped.
    out.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    out.raw(&format!(
        "<title>{}</title>\n<style>\n",
        escape(&page.title)
    ));
    out.raw(include_str!("page.css"));
    out.raw("</style>\n</head>\n<body>\n");
    out.element("h1", &page.title);
    out.raw("<dl>\n");
    for (name, value) in &page.facts {
        out.element("dt", name);
        out.element("dd", value);
    }
    out.raw("</dl>\n");
    chart::draw(&mut out, page.entries, &waveforms);
    for Unreadable { path, why } in &unreadable {
        out.element("p", &format!("The recording {path} is not shown: {why}"));
    }
    table(&mut out, &timeline::lines(page.entries, page.detail));
    out.raw("</body>\n</html>\n");
    out.into_text()
}

fn table(out: &mut Markup, lines: &[Line]) {
    if lines.is_empty() {
        out.element(
            "p",
            "There is no journal: the call reached no flow, or its retention time is over.",
        );
        return;
    }
    out.raw("<table>\n<thead><tr><th>at</th><th>took</th><th>who</th><th>what</th></tr></thead>\n<tbody>\n");
    for line in lines {
        let took = line.took_ms.map(chart::seconds).unwrap_or_default();
        out.raw(&format!(
            "<tr id=\"e{}\" class=\"{}\"><td>{}</td><td>{took}</td><td>{}</td><td>{}</td></tr>\n",
            line.entry,
            line.who,
            chart::seconds(line.at_ms),
            line.who,
            escape(&line.text)
        ));
    }
    out.raw("</tbody>\n</table>\n");
}

/// Reads the recordings, each from the first of its places where there is a file.
fn read(recordings: &[(String, Vec<PathBuf>)]) -> (Vec<Waveform>, Vec<Unreadable>) {
    let (mut waveforms, mut unreadable) = (Vec::new(), Vec::new());
    for (id, places) in recordings {
        let found = places.iter().find(|place| place.is_file());
        let Some(path) = found.or(places.first()) else {
            continue;
        };
        match vireo_audio::wav::read(path) {
            Ok(audio) => waveforms.push(Waveform::of(id, &audio)),
            Err(why) => unreadable.push(Unreadable {
                path: path.display().to_string(),
                why: why.to_string(),
            }),
        }
    }
    (waveforms, unreadable)
}

#[cfg(test)]
mod tests;
