//! From the file to cases that can be run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use regex::Regex;

use crate::script::{
    CallFacts, CaseText, End, Grants, HearsText, HttpStub, HttpText, RecordsText, Script, Setting,
    StepText, Value,
};
use crate::span::Span;
use crate::speech::Saying;

/// The tests of one file.
#[derive(Debug)]
pub struct Suite {
    /// The component, as it is written.
    pub component: Option<PathBuf>,
    /// The flow's name, where one is written.
    pub flow: Option<String>,
    /// The prompts directory, as it is written.
    pub prompts: Option<PathBuf>,
    /// The prompt of an apology, where one is written.
    pub apology: Option<String>,
    /// The component of the fallback flow, as it is written.
    pub fallback: Option<PathBuf>,
    /// What the flow may use, where it is written.
    pub grants: Option<Grants>,
    /// The cases; at least one.
    pub cases: Vec<Case>,
}

/// One call and what must happen in it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is tested.
    pub name: String,
    /// Is a prompt that no step expects an error?
    pub strict: Strict,
    /// What is known of the call.
    pub call: CallFacts,
    /// Over the server's own.
    pub settings: BTreeMap<String, String>,
    /// Over the server's own.
    pub secrets: BTreeMap<String, String>,
    /// The flow's keys before the call.
    pub kv: BTreeMap<String, Value>,
    /// Who answers HTTP requests.
    pub stubs: Vec<Stub>,
    /// In order.
    pub steps: Vec<Step>,
}

/// Is a prompt that no step expects an error?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strict {
    /// It is.
    #[default]
    Yes,
    /// It is passed over.
    No,
}

/// An HTTP server that the flow asks.
#[derive(Clone, Debug)]
pub struct Stub {
    /// Which requests it answers.
    pub asked: Asked,
    /// What it answers.
    pub answer: HttpStub,
}

/// Which requests are meant.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of this method; any when absent.
    pub method: Option<String>,
    /// Of this URL.
    pub url: Option<String>,
    /// With this in the URL.
    pub url_matches: Option<Regex>,
    /// With this in the body.
    pub body_matches: Option<Regex>,
}

/// A step with its place in the file.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the caller does or hears, or what must have happened.
    pub what: What,
    /// In words, as the report shows it.
    pub text: String,
    /// The line of the file, from 1.
    pub line: usize,
}

/// What the caller does or hears, or what must have happened.
#[derive(Clone, Debug)]
pub enum What {
    /// These prompts are heard, in order.
    Hears(Vec<String>),
    /// What plays next matches.
    HearsMatch(Regex),
    /// The caller does something, at that time.
    Does(Deed, When),
    /// Nothing happens for so long.
    Silent(Duration),
    /// A message was recorded.
    Records(RecordsText),
    /// Keys have these values.
    Kv(BTreeMap<String, Value>),
    /// A request was made.
    Http(Asked),
    /// The flow wrote a line to its log.
    Logs(Regex),
    /// The call ends so.
    Ends {
        /// As its record says.
        end: End,
        /// The SIP status of a rejection.
        status: Option<u16>,
        /// Found in the reason of a failure.
        why: Option<Regex>,
    },
}

/// What a caller can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Presses keys.
    Press(String),
    /// Says something to a gather that listens.
    Say(Saying),
    /// Speaks for so long.
    Speak(Duration),
    /// Puts the call on hold for so long.
    Hold(Duration),
    /// Hangs up.
    HangUp,
}

/// When a caller does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the end of what is heard, or of the step before.
    After(Duration),
    /// So long after the prompt has begun, while it plays.
    WhilePlaying(Duration),
}

/// Something that no schema can tell: it is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Keys and indices from the top of the file.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How sure a recognizer is, when the script does not say.
const USUAL_CONFIDENCE: f32 = 0.95;

/// What callers take to answer, when the script does not say.
const REACTION: Duration = Duration::from_millis(500);

impl Script {
    /// The cases of the file, ready to be run. `name` is that of a case without one, `line` tells
    /// the line of a path.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(self, name: &str, line: &dyn Fn(&[&str]) -> usize) -> Result<Suite, Vec<Fault>> {
        let mut reader = Reader {
            faults: Vec::new(),
            line,
        };
        let cases = reader.cases(&self, name);
        if !reader.faults.is_empty() {
            return Err(reader.faults);
        }
        Ok(Suite {
            component: self.component,
            flow: self.flow,
            prompts: self.prompts,
            apology: self.apology,
            fallback: self.fallback,
            grants: self.grants,
            cases,
        })
    }
}

struct Reader<'a> {
    faults: Vec<Fault>,
    line: &'a dyn Fn(&[&str]) -> usize,
}

impl Reader<'_> {
    fn fault(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Fault {
            path: path.iter().map(|&step| step.to_owned()).collect(),
            message: message.into(),
            help: help.into(),
        });
    }

    fn cases(&mut self, script: &Script, name: &str) -> Vec<Case> {
        let own = match (script.steps.is_empty(), script.cases.is_empty()) {
            (true, true) => {
                let help = "write `steps = [...]`, or [[cases]] with steps of their own";
                self.fault(&[], "the file has no steps", help);
                Vec::new()
            }
            (false, false) => {
                let help = "move them into a case of their own";
                self.fault(&["steps"], "the file has both `steps` and `cases`", help);
                Vec::new()
            }
            (false, true) => {
                let case = CaseText {
                    name: name.to_owned(),
                    steps: script.steps.clone(),
                    ..CaseText::default()
                };
                vec![self.case(script, &case, &[])]
            }
            (true, false) => Vec::new(),
        };
        let mut names = std::collections::BTreeSet::new();
        let mut cases = own;
        for (index, case) in script.cases.iter().enumerate() {
            let index = index.to_string();
            if !names.insert(&case.name) {
                let message = format!("there are two cases called {:?}", case.name);
                self.fault(&["cases", &index, "name"], message, "rename one of them");
            }
            let case = self.case(script, case, &["cases", &index]);
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, script: &Script, case: &CaseText, at: &[&str]) -> Case {
        let mut stubs = Vec::new();
        for (list, at) in [(&case.http, at), (&script.http, &[][..])] {
            for (index, stub) in list.iter().enumerate() {
                let index = index.to_string();
                stubs.push(self.stub(stub, &[at, &["http", &index]].concat()));
            }
        }
        for (keys, at) in [(&case.kv, at), (&script.kv, &[][..])] {
            for (key, value) in keys {
                if matches!(value, Value::Absent(_)) {
                    let help = "a text or a number; keys that are not named are absent";
                    self.fault(&[at, &["kv", key]].concat(), "no key has this value", help);
                }
            }
        }
        let steps = (case.steps.iter().enumerate())
            .filter_map(|(index, step)| {
                let index = index.to_string();
                self.step(step, &[at, &["steps", &index]].concat())
            })
            .collect::<Vec<Step>>();
        let ends = case.steps.iter().position(|step| step.ends.is_some());
        if let Some(index) = ends.filter(|index| index + 1 < case.steps.len()) {
            let index = index.to_string();
            let at = [at, &["steps", &index]].concat();
            self.fault(&at, "steps follow the end of the call", "make it the last");
        }
        let strict = match case.strict.or(script.strict).unwrap_or(true) {
            true => Strict::Yes,
            false => Strict::No,
        };
        Case {
            name: case.name.clone(),
            strict,
            call: over(&case.call, &script.call),
            settings: texts(&script.settings, &case.settings),
            secrets: merged(&script.secrets, &case.secrets),
            kv: merged(&script.kv, &case.kv),
            stubs,
            steps,
        }
    }

    fn stub(&mut self, stub: &HttpStub, at: &[&str]) -> Stub {
        if stub.url.is_none() && stub.url_matches.is_none() {
            self.fault(at, "it has no URL", "write `url` or `url-matches`");
        }
        if stub.fails.is_some() && (stub.status.is_some() || !stub.body.is_empty()) {
            let help = "remove `status` and `body`, or `fails`";
            self.fault(at, "it both answers and fails", help);
        }
        Stub {
            asked: Asked {
                method: stub.method.clone(),
                url: stub.url.clone(),
                url_matches: pattern(stub.url_matches.as_deref()),
                body_matches: None,
            },
            answer: stub.clone(),
        }
    }

    fn step(&mut self, step: &StepText, at: &[&str]) -> Option<Step> {
        let what = match kinds(step).as_slice() {
            [_] => self.what(step, at)?,
            [] => {
                let help = "one of hears, presses, says, mumbles, speaks, silent, holds, hangs-up, records, kv, http, logs, ends";
                self.fault(at, "the step does not say what happens", help);
                return None;
            }
            [first, second, ..] => {
                let message = format!("the step has both `{first}` and `{second}`");
                self.fault(
                    at,
                    message,
                    "make it two steps, in the order in which they happen",
                );
                return None;
            }
        };
        self.modifiers(step, &what, at);
        Some(Step {
            text: describe(&what),
            line: (self.line)(at),
            what,
        })
    }

    fn what(&mut self, step: &StepText, at: &[&str]) -> Option<What> {
        let StepText { after, .. } = step;
        let after = after.map_or(REACTION, |Span(after)| after);
        let when = match step.while_playing {
            Some(_) => When::WhilePlaying(after),
            None => When::After(after),
        };
        Some(if let Some(hears) = &step.hears {
            match hears {
                HearsText::One(name) => What::Hears(vec![name.clone()]),
                HearsText::List(names) => What::Hears(names.clone()),
                HearsText::Pattern(one) => What::HearsMatch(pattern(Some(&one.matches))?),
            }
        } else if let Some(keys) = &step.presses {
            What::Does(Deed::Press(keys.clone()), when)
        } else if let Some(text) = &step.says {
            let confidence = step.confidence.unwrap_or(USUAL_CONFIDENCE);
            let text = text.clone();
            What::Does(Deed::Say(Saying { text, confidence }), when)
        } else if step.mumbles.is_some() {
            What::Does(Deed::Say(Saying::default()), when)
        } else if let Some(Span(length)) = step.speaks {
            What::Does(Deed::Speak(length), when)
        } else if let Some(Span(length)) = step.holds {
            What::Does(Deed::Hold(length), when)
        } else if step.hangs_up.is_some() {
            What::Does(Deed::HangUp, when)
        } else if let Some(Span(length)) = step.silent {
            What::Silent(length)
        } else if let Some(records) = &step.records {
            What::Records(records.clone())
        } else if let Some(keys) = &step.kv {
            for (key, value) in keys {
                if *value == Value::Absent(true) {
                    let at = [at, &["kv", key]].concat();
                    let help = "`false`: the key is absent; otherwise a text or a number";
                    self.fault(&at, "no key has this value", help);
                }
            }
            What::Kv(keys.clone())
        } else if let Some(asked) = &step.http {
            What::Http(asked.into())
        } else if let Some(line) = &step.logs {
            What::Logs(pattern(Some(line))?)
        } else {
            What::Ends {
                end: step.ends?,
                status: step.status,
                why: pattern(step.why.as_deref()),
            }
        })
    }

    /// Keys that say more about a step, each where it belongs.
    fn modifiers(&mut self, step: &StepText, what: &What, at: &[&str]) {
        let (does, speaks) = match what {
            What::Does(deed, _) => (true, matches!(deed, Deed::Speak(_))),
            _ => (false, false),
        };
        let deeds = "`presses`, `says`, `mumbles`, `speaks`, `holds` and `hangs-up`";
        let end = match what {
            What::Ends { end, .. } => Some(*end),
            _ => None,
        };
        for (key, given, belongs, to) in [
            ("after", step.after.is_some(), does, deeds),
            (
                "confidence",
                step.confidence.is_some(),
                step.says.is_some(),
                "`says`",
            ),
            (
                "while-playing",
                step.while_playing.is_some(),
                does && !speaks,
                "`presses`, `says`, `mumbles`, `holds` and `hangs-up`",
            ),
            (
                "status",
                step.status.is_some(),
                end == Some(End::Rejected),
                "`ends = \"rejected\"`",
            ),
            (
                "why",
                step.why.is_some(),
                end == Some(End::FailedFlow),
                "`ends = \"failed-flow\"`",
            ),
        ] {
            if given && !belongs {
                let message = format!("`{key}` has no meaning here");
                self.fault(
                    &[at, &[key]].concat(),
                    message,
                    format!("it belongs to {to}"),
                );
            }
        }
    }
}

/// The keys of a step that say what it is.
fn kinds(step: &StepText) -> Vec<&'static str> {
    [
        ("hears", step.hears.is_some()),
        ("presses", step.presses.is_some()),
        ("speaks", step.speaks.is_some()),
        ("silent", step.silent.is_some()),
        ("holds", step.holds.is_some()),
        ("hangs-up", step.hangs_up.is_some()),
        ("says", step.says.is_some()),
        ("mumbles", step.mumbles.is_some()),
        ("records", step.records.is_some()),
        ("kv", step.kv.is_some()),
        ("http", step.http.is_some()),
        ("logs", step.logs.is_some()),
        ("ends", step.ends.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
    .collect()
}

/// The schema's `format` has been checked: what cannot be compiled was reported there.
fn pattern(text: Option<&str>) -> Option<Regex> {
    Regex::new(text?).ok()
}

impl From<&HttpText> for Asked {
    fn from(text: &HttpText) -> Self {
        Asked {
            method: text.method.clone(),
            url: text.url.clone(),
            url_matches: pattern(text.url_matches.as_deref()),
            body_matches: pattern(text.body_matches.as_deref()),
        }
    }
}

fn over(own: &CallFacts, file: &CallFacts) -> CallFacts {
    let either = |own: &Option<String>, file: &Option<String>| own.clone().or_else(|| file.clone());
    CallFacts {
        caller: either(&own.caller, &file.caller),
        caller_name: either(&own.caller_name, &file.caller_name),
        called: either(&own.called, &file.called),
        diverted_by: own.diverted_by.clone().or_else(|| file.diverted_by.clone()),
        language: either(&own.language, &file.language),
        trunk: either(&own.trunk, &file.trunk),
        route: either(&own.route, &file.route),
        parameters: merged(&file.parameters, &own.parameters),
        headers: merged(&file.headers, &own.headers),
        at: either(&own.at, &file.at),
        time_zone: either(&own.time_zone, &file.time_zone),
        random: own.random.clone().or_else(|| file.random.clone()),
    }
}

fn merged<V: Clone>(
    below: &BTreeMap<String, V>,
    above: &BTreeMap<String, V>,
) -> BTreeMap<String, V> {
    let mut all = below.clone();
    all.extend(
        above
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    all
}

fn texts(
    below: &BTreeMap<String, Setting>,
    above: &BTreeMap<String, Setting>,
) -> BTreeMap<String, String> {
    let all = merged(below, above).into_iter();
    all.map(|(key, value)| {
        let text = match value {
            Setting::Text(text) => text,
            Setting::Number(number) => number.to_string(),
            Setting::Flag(flag) => flag.to_string(),
        };
        (key, text)
    })
    .collect()
}

impl CallFacts {
    /// When the call comes in, and the server's time zone, which is `server` when the script names
    /// none.
    #[must_use]
    pub fn clock(&self, server: &TimeZone) -> (jiff::Timestamp, TimeZone) {
        let zone = self.time_zone.as_deref();
        let zone = zone.and_then(|name| TimeZone::get(name).ok());
        let zone = zone.unwrap_or_else(|| server.clone());
        let at = self.at.as_deref().unwrap_or("2026-01-05T10:00");
        let at = at.parse::<jiff::civil::DateTime>().unwrap_or_default();
        let at = at.to_zoned(zone.clone()).map(|at| at.timestamp());
        (at.unwrap_or_default(), zone)
    }
}

fn describe(what: &What) -> String {
    let when = |when: &When| match when {
        When::After(after) if *after == REACTION => String::new(),
        When::After(after) => format!(" after {}", Span(*after)),
        When::WhilePlaying(_) => " while it plays".to_owned(),
    };
    match what {
        What::Hears(names) => format!("hears {}", names.join(", ")),
        What::HearsMatch(pattern) => format!("hears /{pattern}/"),
        What::Does(Deed::Press(keys), at) => format!("presses {keys}{}", when(at)),
        What::Does(Deed::Say(saying), at) => format!("{saying}{}", when(at)),
        What::Does(Deed::Speak(length), at) => format!("speaks for {}{}", Span(*length), when(at)),
        What::Does(Deed::Hold(length), at) => format!("holds for {}{}", Span(*length), when(at)),
        What::Does(Deed::HangUp, at) => format!("hangs up{}", when(at)),
        What::Silent(length) => format!("silent for {}", Span(*length)),
        What::Records(records) => {
            let mut text = "records a message".to_owned();
            if let Some(end) = records.ended_by {
                text.push_str(&format!(", ended by {}", end.name()));
            }
            if let Some(least) = records.at_least {
                text.push_str(&format!(", at least {least}"));
            }
            if let Some(most) = records.at_most {
                text.push_str(&format!(", at most {most}"));
            }
            text
        }
        What::Kv(keys) => {
            let keys = keys.iter().map(|(key, value)| format!("{key} = {value}"));
            format!("kv {}", keys.collect::<Vec<_>>().join(", "))
        }
        What::Http(asked) => format!("http {asked}"),
        What::Logs(line) => format!("logs /{line}/"),
        What::Ends { end, status, why } => {
            let status = status.map(|status| format!(" {status}"));
            let why = why.as_ref().map(|why| format!(", /{why}/"));
            format!(
                "ends {}{}{}",
                end.name(),
                status.unwrap_or_default(),
                why.unwrap_or_default()
            )
        }
    }
}
