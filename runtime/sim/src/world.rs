//! What surrounds a simulated call: clock, random numbers, settings, keys, HTTP servers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use vireo_call::simulation::{local_time_at, operate};
use vireo_host::contract::{Error, Info};
use vireo_host::{Answer, Bytes, HttpRequest, HttpResponse, Reply, Request, Secret};
use vireo_store::MemoryStore;
use vireo_store::kv::{Kv, Namespace};

use crate::case::{Case, Stub};
use crate::log::{Happened, Record};
use crate::run::Stage;
use crate::script::Value;

/// What surrounds a simulated call, and what has happened in it.
#[derive(Debug)]
pub struct World {
    started: Timestamp,
    zone: TimeZone,
    given: VecDeque<u64>,
    drawn: u64,
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub(crate) info: Info,
    /// The keys of the flow that runs.
    keys: Option<Namespace>,
    /// The keys of the flow that is tested.
    tested: Option<Namespace>,
    stubs: Vec<(Stub, u32)>,
    pub(crate) log: Vec<Record>,
    pub(crate) requests: Vec<HttpRequest>,
    /// What was asked for and is not there: prompts, HTTP servers.
    pub(crate) missing: Vec<String>,
}

/// How the flow of a simulated call keeps its keys.
const NAMESPACE: &str = "test";

impl World {
    pub(crate) fn new(stage: &Stage, case: &Case) -> Self {
        let (started, zone) = case.call.clock(&stage.zone);
        let merged = |below: &BTreeMap<String, String>, above: &BTreeMap<String, String>| {
            let mut all = below.clone();
            all.extend(above.clone());
            all
        };
        let keys = Kv::new(Arc::new(MemoryStore::new()))
            .namespace(NAMESPACE)
            .ok();
        if let Some(keys) = &keys {
            fill(keys, &case.kv);
        }
        World {
            started,
            zone,
            given: (case.call.random.iter().flatten())
                .map(|&number| number.into())
                .collect(),
            drawn: 0,
            settings: merged(&stage.settings, &case.settings),
            secrets: merged(&stage.secrets, &case.secrets),
            headers: case.call.headers.clone(),
            info: info(stage, case, started),
            tested: keys.clone(),
            keys,
            stubs: (case.stubs.iter()).map(|stub| (stub.clone(), 0)).collect(),
            log: Vec::new(),
            requests: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// What has happened.
    #[must_use]
    pub fn log(&self) -> &[Record] {
        &self.log
    }

    /// The value of a key, as an expectation would be written; none when it is absent.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<Vec<u8>> {
        self.tested.as_ref()?.get(key).ok().flatten()
    }

    /// The fallback flow takes over: its own settings and secrets, and keys of its own.
    pub(crate) fn hand_over(&mut self, next: &Stage) {
        self.info.flow.clone_from(&next.flow);
        next.version.digest().clone_into(&mut self.info.version);
        self.settings.clone_from(&next.settings);
        self.secrets.clone_from(&next.secrets);
        self.keys = Kv::new(Arc::new(MemoryStore::new()))
            .namespace(NAMESPACE)
            .ok();
    }

    pub(crate) fn note(&mut self, at: Duration, what: Happened) {
        self.log.push(Record { at, what });
    }

    pub(crate) fn reveal(&self, name: &str) -> Result<Secret, Error> {
        match self.secrets.get(name) {
            Some(value) => Ok(Secret::new(value)),
            None => Err(no_secret(name)),
        }
    }

    /// Answers what takes no time; none for everything else.
    pub(crate) fn serve_at_once(&mut self, request: &Request, now: Duration) -> Option<Answer> {
        Some(match request {
            Request::GetInfo => Ok(Reply::Info(self.info.clone())),
            Request::Header { name } => Ok(Reply::Values(self.header(name))),
            Request::SettingsGet { key } => Ok(Reply::Text(self.settings.get(key).cloned())),
            Request::Secret { name } if self.secrets.contains_key(name) => Ok(Reply::Done),
            Request::Secret { name } => Err(no_secret(name)),
            Request::Log { .. } => Ok(Reply::Done),
            Request::Now => Ok(Reply::Millis(self.clock_ms(now))),
            Request::Random => Ok(Reply::Number(self.random())),
            Request::LocalTime { zone } => {
                let at = Timestamp::from_millisecond(self.clock_ms(now) as i64).unwrap_or_default();
                local_time_at(at, zone.as_deref(), &self.zone).map(Reply::Local)
            }
            Request::KvGet { .. }
            | Request::KvSet { .. }
            | Request::KvDelete { .. }
            | Request::KvIncrement { .. }
            | Request::KvCompareAndSwap { .. }
            | Request::KvListKeys { .. } => match &self.keys {
                Some(keys) => operate(keys, request.clone()),
                None => Err(Error::Failed("kv: there is no store".to_owned())),
            },
            _ => return None,
        })
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn clock_ms(&self, now: Duration) -> u64 {
        let started = u64::try_from(self.started.as_millisecond()).unwrap_or(0);
        started + u64::try_from(now.as_millis()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Vec<String> {
        let named = |(key, _): &(&String, &String)| key.eq_ignore_ascii_case(name);
        let lines = self.headers.iter().filter(named);
        lines.map(|(_, value)| value.clone()).collect()
    }

    /// The numbers of the script, then SplitMix64, which is the same in every run.
    fn random(&mut self) -> u64 {
        if let Some(number) = self.given.pop_front() {
            return number;
        }
        self.drawn = self.drawn.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.drawn ^ (self.drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Sends a request to the first server that it fits: the answer, and how long it takes.
    pub(crate) fn send(&mut self, request: &HttpRequest) -> (Answer, Duration) {
        self.requests.push(request.clone());
        let limit = Duration::from_millis(request.timeout_ms.into());
        let mut stubs = self.stubs.iter_mut();
        let found = stubs.find(|(stub, used)| {
            stub.answer.times.is_none_or(|times| *used < times) && stub.asked.fits(request)
        });
        let Some((stub, used)) = found else {
            let why = format!(
                "no [[http]] of the script answers {} {}",
                request.method, request.url
            );
            self.missing.push(why.clone());
            return (Err(Error::Failed(format!("http: {why}"))), Duration::ZERO);
        };
        *used += 1;
        let answer = &stub.answer;
        let takes = answer.takes.map_or(Duration::ZERO, |span| span.0);
        if takes > limit {
            let why = format!("http: no answer within {} ms", request.timeout_ms);
            return (Err(Error::Failed(why)), limit);
        }
        let result = match &answer.fails {
            Some(why) => Err(Error::Failed(format!("http: {why}"))),
            None => Ok(Reply::Response(HttpResponse {
                status: answer.status.unwrap_or(200),
                headers: answer.headers.clone().into_iter().collect(),
                body: Bytes(answer.body.clone().into_bytes()),
            })),
        };
        (result, takes)
    }
}

fn no_secret(name: &str) -> Error {
    Error::NotFound(format!("secret {name:?}: the script has none of that name"))
}

fn fill(keys: &Namespace, values: &BTreeMap<String, Value>) {
    for (key, value) in values {
        // What the contract does not allow, such as a key of a megabyte, is found absent.
        let _ = match value {
            Value::Text(text) => keys.set(key, text.as_bytes()),
            Value::Count(number) => keys.increment(key, *number).map(|_| ()),
            Value::Absent(_) => Ok(()),
        };
    }
}

fn info(stage: &Stage, case: &Case, started: Timestamp) -> Info {
    let call = &case.call;
    let or = |given: &Option<String>, other: &str| given.clone().unwrap_or_else(|| other.into());
    Info {
        call_id: "simulated".to_owned(),
        flow: stage.flow.clone(),
        version: stage.version.digest().to_owned(),
        trunk: or(&call.trunk, "test"),
        route: or(&call.route, "test"),
        caller: or(&call.caller, "1000"),
        caller_name: call.caller_name.clone(),
        called: or(&call.called, "100"),
        diverted_by: call.diverted_by.clone().unwrap_or_default(),
        language: or(&call.language, "en"),
        parameters: call.parameters.clone().into_iter().collect(),
        started_at: u64::try_from(started.as_millisecond()).unwrap_or(0),
    }
}
