//! A call by script, for flows in any language: what the flow is told is written down, what it asks
//! is kept, and that journal must be the same whatever the flow is written in.

#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use vireo_host::contract::{
    Error, Event, GatherResult, Info, LocalTime, Message, PlayEnd, RecordEnd,
};
use vireo_host::{
    Answer, Bytes, Control, Grants, HttpResponse, Limits, Outcome, Reply, Request, Secret, Usage,
    Version,
};

/// The languages of the suite: the component `target/conformance/NAME.wasm` of each is tested.
pub const LANGUAGES: [&str; 6] = ["rust", "c", "cpp", "js", "python", "go"];

/// The script of a case, `script.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Script {
    /// What the case shows, in a sentence.
    pub about: String,
    /// The flow that is called, which it finds in the route's parameter `flow`.
    pub flow: String,
    /// Answers to a verb (`media.gather`), in order; when they are used up, the usual answer.
    pub answers: HashMap<String, VecDeque<Answer>>,
    /// Settings of the flow.
    pub settings: BTreeMap<String, String>,
    /// Languages that cannot do it, and why.
    pub not_in: BTreeMap<String, String>,
    /// Takes the grant of this service away: `kv`, `http`, `secrets`.
    pub without_grant: Vec<String>,
}

/// A case: a directory below `cases/`.
#[derive(Clone, Debug)]
pub struct Case {
    /// The directory's name.
    pub name: String,
    /// Its script.
    pub script: Script,
    directory: PathBuf,
}

impl Case {
    /// Every case, in the order of names.
    #[must_use]
    pub fn all() -> Vec<Case> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let entries = std::fs::read_dir(directory).expect("cases/ is there");
        let mut directories: Vec<PathBuf> = entries
            .map(|entry| entry.expect("cases/ can be read").path())
            .collect();
        directories.sort();
        directories.into_iter().map(Case::read).collect()
    }

    /// The case of this name.
    #[must_use]
    pub fn named(name: &str) -> Case {
        Case::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("cases")
                .join(name),
        )
    }

    fn read(directory: PathBuf) -> Case {
        let file = directory.join("script.toml");
        let text = std::fs::read_to_string(&file).expect("a case has a script.toml");
        let script =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = directory.file_name().unwrap_or_default();
        Case {
            name: name.to_string_lossy().into_owned(),
            script,
            directory,
        }
    }

    /// Where the expected journal stands.
    #[must_use]
    pub fn expected_file(&self) -> PathBuf {
        self.directory.join("expected.jsonl")
    }

    /// A control for one call by this script.
    #[must_use]
    pub fn call(&self) -> ScriptedCall {
        ScriptedCall {
            script: self.script.clone(),
            journal: Vec::new(),
            keeps_journal: true,
        }
    }

    fn grants(&self) -> Arc<Grants> {
        let without = |name: &str| self.script.without_grant.iter().any(|one| one == name);
        Arc::new(Grants {
            kv: (!without("kv")).then(|| "conformance".to_owned()),
            http: match without("http") {
                true => vec![],
                false => vec!["api.example.com".to_owned()],
            },
            secrets: match without("secrets") {
                true => vec![],
                false => vec!["pin".to_owned()],
            },
            withheld: Vec::new(),
        })
    }

    /// One call to this version: the journal, a line for each request with its answer and a last one
    /// with the outcome; and what the run used.
    pub async fn run(&self, version: &Version) -> (Vec<String>, Usage) {
        let (outcome, call, usage) = self.run_call(version, self.call()).await;
        let mut lines: Vec<String> = call.journal.iter().map(line).collect();
        lines.push(match outcome {
            // A language's stack trace is its own.
            Outcome::Trapped(trap) => format!("ended: {}", trap.kind),
            other => format!("ended: {other}"),
        });
        (lines, usage)
    }

    /// The same with a control of the caller's, which is handed back.
    pub async fn run_call<C: Control>(&self, version: &Version, control: C) -> (Outcome, C, Usage) {
        let limits = Limits {
            memory_bytes: MEMORY,
            // A slow language on a busy machine is no failure here.
            cpu_ms_between_calls: 20_000,
            host_calls: u64::MAX,
            ..Limits::default()
        };
        version.run(control, self.grants(), limits).await
    }
}

/// Memory that a flow may have here: Python takes most of it.
pub const MEMORY: usize = 64 << 20;

fn line((request, answer): &(Request, Answer)) -> String {
    let request = serde_json::to_string(request).expect("a request has a JSON form");
    let answer = serde_json::to_string(answer).expect("an answer has a JSON form");
    format!("{request} -> {answer}")
}

/// The call as a script has it.
#[derive(Debug)]
pub struct ScriptedCall {
    script: Script,
    journal: Vec<(Request, Answer)>,
    keeps_journal: bool,
}

impl ScriptedCall {
    /// For measurements.
    #[must_use]
    pub fn without_journal(mut self) -> Self {
        self.keeps_journal = false;
        self
    }

    /// What is told where the script says nothing.
    fn usual(&self, request: &Request) -> Reply {
        match request {
            Request::GetInfo => Reply::Info(self.info()),
            Request::Header { name } => Reply::Values(vec![format!("value of {name}")]),
            Request::Wait { .. } => Reply::Event(Event::Timeout),
            Request::Play { .. } => Reply::PlayEnd(PlayEnd::Finished),
            Request::Gather(_) => Reply::Gather(GatherResult::NoInput),
            Request::Record(_) => Reply::Message(Message {
                id: "r-1".to_owned(),
                duration_ms: 1_234,
                ended_by: RecordEnd::Terminator,
            }),
            Request::StartRecording => Reply::Id("r-2".to_owned()),
            Request::KvGet { .. } => Reply::Bytes(None),
            Request::KvIncrement { by, .. } => Reply::Count(*by),
            Request::KvCompareAndSwap { .. } => Reply::Swapped(true),
            Request::KvListKeys { .. } => Reply::Keys(vec![]),
            Request::SettingsGet { key } => Reply::Text(self.script.settings.get(key).cloned()),
            Request::Now => Reply::Millis(1_795_000_000_123),
            Request::LocalTime { .. } => Reply::Local(LocalTime {
                year: 2026,
                month: 11,
                day: 22,
                weekday: 7,
                hour: 20,
                minute: 30,
                second: 1,
                utc_offset_s: -12_600,
            }),
            Request::Random => Reply::Number((1 << 52) + 12_345),
            Request::HttpSend(_) => Reply::Response(HttpResponse {
                status: 418,
                headers: vec![("Server".to_owned(), "teapot".to_owned())],
                body: Bytes("kürzer".as_bytes().to_vec()),
            }),
            _ => Reply::Done,
        }
    }

    fn info(&self) -> Info {
        Info {
            call_id: "c-1".to_owned(),
            flow: "conformance".to_owned(),
            version: "0".repeat(64),
            trunk: "carrier".to_owned(),
            route: "all".to_owned(),
            caller: "+4930123456".to_owned(),
            caller_name: Some("Zoë 电话".to_owned()),
            called: "96122".to_owned(),
            diverted_by: vec!["+4930111".to_owned(), "+4930222".to_owned()],
            language: "en".to_owned(),
            parameters: vec![
                ("flow".to_owned(), self.script.flow.clone()),
                ("empty".to_owned(), String::new()),
            ],
            started_at: 1_795_000_000_000,
        }
    }
}

impl Control for ScriptedCall {
    async fn perform(&mut self, request: Request) -> Answer {
        let told = self.script.answers.get_mut(request.verb());
        let answer = match told.and_then(VecDeque::pop_front) {
            Some(answer) => answer,
            None => Ok(self.usual(&request)),
        };
        if self.keeps_journal {
            self.journal.push((request, answer.clone()));
        }
        answer
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        match name {
            "pin" => Ok(Secret::new("s3cr3t-pin")),
            _ => Err(Error::NotFound(format!("there is no secret `{name}`"))),
        }
    }
}

/// The repository's directory of built components, which CARGO_TARGET_DIR moves.
#[must_use]
pub fn components() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    target.join("conformance")
}
