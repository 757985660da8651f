//! The timeline drawn, as SVG: a lane for each kind of thing, and recordings below.

use std::fmt::Write as _;

use serde_json::Value;
use vireo_store::journal::{Entry, Kind};

use super::markup::{Markup, escape};
use super::waveform::Waveform;
use crate::timeline;

/// Sizes of the drawing, in its own units.
const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 96.0;
const LANE: f64 = 34.0;
const BAR: f64 = 22.0;
const WAVE: f64 = 64.0;
const TOP: f64 = 24.0;
/// What a letter of a label takes.
const LETTER: f64 = 7.4;
/// Room behind the end of the call, for the label of what ended it.
const RIGHT: f64 = 40.0;
/// Marks on the axis at the most.
const MARKS: u64 = 12;

/// The lanes, from above.
const LANES: [(&str, Lane); 4] = [
    ("SIP", Lane::Sip),
    ("keys", Lane::Keys),
    ("prompts", Lane::Prompts),
    ("verbs", Lane::Verbs),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Messages of the signalling.
    Sip,
    /// What the caller presses.
    Keys,
    /// What the caller hears.
    Prompts,
    /// What the flow does.
    Verbs,
}

/// Something in a lane.
#[derive(Debug, PartialEq)]
pub(super) struct Mark {
    pub lane: Lane,
    pub from_ms: u64,
    pub to_ms: u64,
    pub label: String,
    /// The entry that tells of it.
    pub entry: u32,
}

/// "4.300"
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Draws the timeline.
pub(super) fn draw(out: &mut Markup, entries: &[Entry], waveforms: &[Waveform]) {
    let marks = marks(entries);
    let waves: Vec<(u64, &Waveform)> = waveforms
        .iter()
        .map(|wave| (began(entries, wave), wave))
        .collect();
    let ends = marks.iter().map(|mark| mark.to_ms);
    let ends = ends.chain(waves.iter().map(|(from, wave)| from + wave.length_ms));
    let scale = Scale {
        length_ms: ends.max().unwrap_or_default().max(1_000),
    };
    let channels: usize = waves.iter().map(|(_, wave)| wave.channels.len()).sum();
    let height = TOP + LANE * LANES.len() as f64 + WAVE * channels as f64 + 8.0;
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"timeline of the call\">"
    );
    axis(&mut svg, &scale, height);
    for (row, (name, lane)) in LANES.iter().enumerate() {
        let y = TOP + LANE * row as f64;
        name_of_lane(&mut svg, name, y + LANE / 2.0);
        let mut own = marks.iter().filter(|mark| mark.lane == *lane).peekable();
        while let Some(mark) = own.next() {
            // The label of a moment stands beside it, as far as the next one.
            let ends = match lane {
                Lane::Sip | Lane::Keys => own.peek().map_or(WIDTH, |next| scale.x(next.from_ms)),
                Lane::Prompts | Lane::Verbs => scale.x(mark.to_ms),
            };
            bar(&mut svg, mark, &scale, y + (LANE - BAR) / 2.0, ends);
        }
    }
    let mut y = TOP + LANE * LANES.len() as f64;
    for (from, wave) in waves {
        for (channel, shape) in wave.channels.iter().enumerate() {
            let name = match (wave.channels.len(), channel) {
                (1, _) => "message",
                (_, 0) => "caller says",
                _ => "caller hears",
            };
            name_of_lane(&mut svg, name, y + WAVE / 2.0);
            sound(&mut svg, shape, &scale, from..from + wave.length_ms, y);
            y += WAVE;
        }
    }
    svg.push_str("</svg>\n");
    out.raw(&svg);
}

/// Time to place.
struct Scale {
    length_ms: u64,
}

impl Scale {
    fn x(&self, ms: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * ms as f64 / self.length_ms as f64
    }
}

fn axis(svg: &mut String, scale: &Scale, height: f64) {
    const STEPS: [u64; 14] = [
        100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
        600_000, 1_800_000,
    ];
    let fits = |step: &&u64| scale.length_ms / **step <= MARKS;
    let hour = 3_600_000;
    let step = STEPS.iter().find(fits).copied().unwrap_or(hour);
    let mut at = 0;
    while at <= scale.length_ms {
        let x = scale.x(at);
        let text = match step < 1_000 {
            true => format!("{:.1} s", at as f64 / 1_000.0),
            false => format!("{} s", at / 1_000),
        };
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{height}\"/>\
             <text class=\"axis\" x=\"{x:.1}\" y=\"14\">{text}</text>",
            TOP - 4.0
        );
        at += step;
    }
}

fn name_of_lane(svg: &mut String, name: &str, y: f64) {
    let _ = writeln!(
        svg,
        "<text class=\"lane\" x=\"{}\" y=\"{:.1}\">{name}</text>",
        LEFT - 10.0,
        y + 4.0
    );
}

/// A mark; its label may go as far as `ends`.
fn bar(svg: &mut String, mark: &Mark, scale: &Scale, y: f64, ends: f64) {
    let x = scale.x(mark.from_ms);
    let width = (scale.x(mark.to_ms) - x).max(2.0);
    let class = match mark.lane {
        Lane::Sip => "sip",
        Lane::Keys => "keys",
        Lane::Prompts => "prompts",
        Lane::Verbs => "verbs",
    };
    let label = escape(&mark.label);
    let took = mark.to_ms - mark.from_ms;
    let told = match took {
        0 => format!("{} s: {label}", seconds(mark.from_ms)),
        took => format!(
            "{} s, {} s long: {label}",
            seconds(mark.from_ms),
            seconds(took)
        ),
    };
    let _ = write!(
        svg,
        "<a href=\"#e{}\"><g class=\"{class}\"><title>{told}</title>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>",
        mark.entry
    );
    let room = ((ends - x - 6.0) / LETTER).max(0.0);
    let letters = mark.label.chars().count() as f64;
    // A label that has no room is told by the pointer and by the table.
    if letters <= room || room >= 8.0 {
        let shown: String = mark.label.chars().take(room as usize).collect();
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 4.0,
            y + 15.0,
            escape(&shown)
        );
    }
    svg.push_str("</g></a>\n");
}

fn sound(
    svg: &mut String,
    shape: &[(f32, f32)],
    scale: &Scale,
    time: std::ops::Range<u64>,
    y: f64,
) {
    let (from, to) = (scale.x(time.start), scale.x(time.end));
    let middle = y + WAVE / 2.0;
    let half = f64::from((WAVE as f32 - 8.0) / 2.0);
    let count = shape.len().max(1) as f64;
    let place = |index: usize, value: f32| {
        let x = from + (to - from) * (index as f64 + 0.5) / count;
        // A square root: speech is soft beside its peaks.
        let size = f64::from(value.abs().sqrt().copysign(value));
        format!("{x:.1},{:.1}", middle - half * size)
    };
    let upper = shape
        .iter()
        .enumerate()
        .map(|(index, (_, most))| place(index, *most));
    let lower = shape.iter().enumerate().rev();
    let lower = lower.map(|(index, (least, _))| place(index, *least));
    let points: Vec<String> = upper.chain(lower).collect();
    let _ = writeln!(
        svg,
        "<line class=\"silence\" x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" y2=\"{middle:.1}\"/>\
         <polygon class=\"sound\" points=\"{}\"/>",
        points.join(" ")
    );
}

/// When a recording began: its verb says so.
fn began(entries: &[Entry], wave: &Waveform) -> u64 {
    // A message begins when the prompt before it has ended.
    let mut heard_until = 0;
    for entry in entries {
        match &entry.kind {
            Kind::Event { name, .. } if name == "heard" => heard_until = entry.at_ms,
            Kind::Verb { name, reply, .. } => {
                let reply: Value = reply.parse().unwrap_or_default();
                if name == "media.start-recording" && reply["Ok"]["id"] == *wave.id {
                    return entry.at_ms + reply["took_ms"].as_u64().unwrap_or_default();
                }
                if name == "media.record" && reply["Ok"]["message"]["id"] == *wave.id {
                    return entry.at_ms.max(heard_until);
                }
            }
            _ => {}
        }
    }
    0
}

/// What is drawn of a journal.
pub(super) fn marks(entries: &[Entry]) -> Vec<Mark> {
    let mut marks = Vec::new();
    // Prompts are named by the verb that plays them.
    let mut prompts: Vec<(u64, u64, String)> = Vec::new();
    for entry in entries {
        if let Kind::Verb {
            name,
            request,
            reply,
        } = &entry.kind
        {
            let request: Value = request.parse().unwrap_or_default();
            let reply: Value = reply.parse().unwrap_or_default();
            let took = reply["took_ms"].as_u64().unwrap_or_default();
            let to_ms = entry.at_ms.saturating_add(took);
            if let Some(parts) = request.get("prompt") {
                let ends = match name.as_str() {
                    "media.start-playing" => u64::MAX,
                    _ => to_ms,
                };
                prompts.push((entry.at_ms, ends, timeline::prompt(parts)));
            }
            marks.push(Mark {
                lane: Lane::Verbs,
                from_ms: entry.at_ms,
                to_ms,
                label: timeline::asked(name, &request),
                entry: entry.seq,
            });
        }
    }
    for entry in entries {
        if let Kind::Event { name, detail } = &entry.kind {
            let detail: Value = detail.parse().unwrap_or_default();
            marks.extend(event(entry, name, &detail, &prompts));
        }
    }
    marks
}

fn event(
    entry: &Entry,
    name: &str,
    detail: &Value,
    prompts: &[(u64, u64, String)],
) -> Option<Mark> {
    let ms = |key: &str| detail[key].as_u64().unwrap_or_default();
    let (lane, took, label) = match name {
        "invite" => (Lane::Sip, 0, "INVITE".to_owned()),
        "provisional" | "rejected" => (Lane::Sip, 0, detail["status"].to_string()),
        "answer" => (Lane::Sip, 0, "200".to_owned()),
        "ack" => (Lane::Sip, 0, "ACK".to_owned()),
        "cancel" => (Lane::Sip, 0, "CANCEL".to_owned()),
        "bye-received" | "bye-sent" => (Lane::Sip, 0, "BYE".to_owned()),
        "held" | "resumed" => (Lane::Sip, 0, format!("re-INVITE, {name}")),
        "digit" => {
            let digit = detail["digit"].as_str().unwrap_or_default();
            (Lane::Keys, ms("duration_ms"), digit.to_owned())
        }
        "heard" => {
            let heard = ms("ms");
            let middle = entry.at_ms.saturating_sub(heard / 2);
            let named = prompts.iter().rev();
            let mut named = named.filter(|(from, to, _)| (*from..=*to).contains(&middle));
            let label = named.next().map(|(_, _, label)| label.clone());
            (Lane::Prompts, heard, label.unwrap_or_default())
        }
        _ => return None,
    };
    Some(Mark {
        lane,
        from_ms: entry.at_ms.saturating_sub(took),
        to_ms: entry.at_ms,
        label,
        entry: entry.seq,
    })
}
