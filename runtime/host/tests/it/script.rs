//! A control that a test scripts, and the components that the tests run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Semaphore;
use vireo_host::contract::{
    Error, Event, GatherResult, Info, LocalTime, Message, PlayEnd, RecordEnd,
};
use vireo_host::{
    Answer, Bytes, Control, Grants, Host, HostConfig, HttpResponse, Limits, Outcome, Reply,
    Request, Secret, Usage, Version,
};

pub const PROBE: &[u8] = include_bytes!("../fixtures/probe.wasm");
pub const HELLO: &[u8] = include_bytes!("../fixtures/hello.wasm");

/// One host for all tests, as a server has one.
pub fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        Host::new(HostConfig {
            max_calls: 1_200,
            ..HostConfig::default()
        })
        .expect("the host starts")
    })
}

pub fn probe() -> Arc<Version> {
    static PROBE_VERSION: OnceLock<Arc<Version>> = OnceLock::new();
    PROBE_VERSION
        .get_or_init(|| host().compile(PROBE).expect("the probe compiles"))
        .clone()
}

pub fn hello() -> Arc<Version> {
    static HELLO_VERSION: OnceLock<Arc<Version>> = OnceLock::new();
    HELLO_VERSION
        .get_or_init(|| host().compile(HELLO).expect("hello compiles"))
        .clone()
}

/// Everything that the probe needs.
pub fn all_grants() -> Arc<Grants> {
    Arc::new(Grants {
        kv: Some("probe".to_owned()),
        http: vec!["api.example.com".to_owned()],
        secrets: vec!["pin".to_owned()],
        withheld: Vec::new(),
    })
}

type Journal = Arc<Mutex<Vec<(Request, Answer)>>>;

/// Answers with what is fitting, unless a test overrides it, and keeps a journal.
#[derive(Default)]
pub struct Script {
    settings: HashMap<&'static str, String>,
    overrides: Vec<(&'static str, Answer)>,
    journal: Journal,
    /// `wait` takes a permit of it.
    gate: Option<Arc<Gate>>,
    random: u64,
    keeps_no_journal: bool,
}

/// Where parked flows stand.
pub struct Gate {
    pub parked: std::sync::atomic::AtomicUsize,
    pub permits: Semaphore,
}

impl Gate {
    pub fn new() -> Arc<Gate> {
        Arc::new(Gate {
            parked: 0.into(),
            permits: Semaphore::new(0),
        })
    }

    /// Returns when so many flows are parked.
    pub async fn wait_for(&self, flows: usize) {
        while self.parked.load(std::sync::atomic::Ordering::SeqCst) < flows {
            tokio::task::yield_now().await;
        }
    }
}

impl Script {
    /// Has the probe do `what`.
    pub fn new(what: &str) -> Script {
        Script::default().setting("do", what)
    }

    pub fn times(self, times: u64) -> Script {
        self.setting("times", &times.to_string())
    }

    pub fn setting(mut self, key: &'static str, value: &str) -> Script {
        self.settings.insert(key, value.to_owned());
        self
    }

    /// Answers every request of this verb so.
    pub fn answer(mut self, verb: &'static str, answer: Answer) -> Script {
        self.overrides.push((verb, answer));
        self
    }

    pub fn gate(mut self, gate: &Arc<Gate>) -> Script {
        self.gate = Some(gate.clone());
        self
    }

    /// A seed for `random`, so that two scripts differ.
    pub fn seed(mut self, seed: u64) -> Script {
        self.random = seed;
        self
    }

    /// For measurements.
    pub fn without_journal(mut self) -> Script {
        self.keeps_no_journal = true;
        self
    }

    /// Goes on in the sequence of `random` where another script stopped.
    pub fn skip_random(mut self, numbers: usize) -> Script {
        for _ in 0..numbers {
            self.fitting(&Request::Random);
        }
        self
    }

    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.journal
            .lock()
            .unwrap()
            .iter()
            .map(|(request, _)| request.clone())
            .collect()
    }

    pub fn log_lines(&self) -> Vec<String> {
        let is_line = |request| match request {
            Request::Log { message, .. } => Some(message),
            _ => None,
        };
        self.requests().into_iter().filter_map(is_line).collect()
    }

    fn fitting(&mut self, request: &Request) -> Reply {
        match request {
            Request::GetInfo => Reply::Info(info()),
            Request::Header { name } => Reply::Values(vec![format!("value of {name}")]),
            Request::Wait { .. } => Reply::Event(Event::Digit('7')),
            Request::Play { .. } => Reply::PlayEnd(PlayEnd::Finished),
            Request::Gather(_) => Reply::Gather(GatherResult::Digits("1".to_owned())),
            Request::Record(_) => Reply::Message(Message {
                id: "r-1".to_owned(),
                duration_ms: 1_234,
                ended_by: RecordEnd::Terminator,
            }),
            Request::StartRecording => Reply::Id("r-2".to_owned()),
            Request::KvGet { .. } => Reply::Bytes(Some(Bytes(b"blue".to_vec()))),
            Request::KvIncrement { by, .. } => Reply::Count(*by),
            Request::KvCompareAndSwap { .. } => Reply::Swapped(true),
            Request::KvListKeys { .. } => Reply::Keys(vec!["a".to_owned(), "b".to_owned()]),
            Request::SettingsGet { key } => Reply::Text(self.settings.get(key.as_str()).cloned()),
            Request::Now => Reply::Millis(1_795_000_000_000),
            Request::LocalTime { .. } => Reply::Local(local_time()),
            Request::Random => {
                self.random = self
                    .random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                Reply::Number(self.random >> 16)
            }
            Request::HttpSend(_) => Reply::Response(HttpResponse {
                status: 418,
                headers: vec![("Server".to_owned(), "teapot".to_owned())],
                body: Bytes(b"short".to_vec()),
            }),
            _ => Reply::Done,
        }
    }
}

impl Control for Script {
    async fn perform(&mut self, request: Request) -> Answer {
        if let (Request::Wait { .. }, Some(gate)) = (&request, &self.gate) {
            gate.parked
                .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _permit = gate.permits.acquire().await;
        }
        let given = self
            .overrides
            .iter()
            .find(|(verb, _)| *verb == request.verb());
        let answer = match given.map(|(_, answer)| answer.clone()) {
            Some(answer) => answer,
            None => Ok(self.fitting(&request)),
        };
        if !self.keeps_no_journal {
            self.journal.lock().unwrap().push((request, answer.clone()));
        }
        answer
    }

    fn reveal(&mut self, name: &str) -> Result<Secret, Error> {
        match name {
            "pin" => Ok(Secret::new("s3cr3t-pin")),
            _ => Err(Error::NotFound(name.to_owned())),
        }
    }
}

fn info() -> Info {
    Info {
        call_id: "c-1".to_owned(),
        flow: "probe".to_owned(),
        version: "0".repeat(64),
        trunk: "carrier".to_owned(),
        route: "all".to_owned(),
        caller: "+4930123456".to_owned(),
        caller_name: None,
        called: "96122".to_owned(),
        diverted_by: vec![],
        language: "en".to_owned(),
        parameters: vec![],
        started_at: 1_795_000_000_000,
    }
}

fn local_time() -> LocalTime {
    LocalTime {
        year: 2026,
        month: 11,
        day: 22,
        weekday: 7,
        hour: 20,
        minute: 30,
        second: 1,
        utc_offset_s: 28_800,
    }
}

/// Runs the probe with all grants.
pub async fn run(script: Script) -> (Outcome, Script, Usage) {
    run_limited(script, Limits::default()).await
}

pub async fn run_limited(script: Script, limits: Limits) -> (Outcome, Script, Usage) {
    probe().run(script, all_grants(), limits).await
}
