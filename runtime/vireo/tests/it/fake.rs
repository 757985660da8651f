//! A server that pretends, and a plain HTTP client.

use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vireo::admin::{
    AdminServer, Admission, AuditEntry, By, Canary, CanaryStatus, ComponentProblem, Counter,
    DeployReport, DeploymentChange, Finding, FlowStatus, InspectionReport, Journals, KeyChange,
    LiveCall, Metric, OperationError, Operations, PreflightReport, RateComparison, Readiness,
    ReloadReport, Reply, RouteExplanation, RouteQuestion, RouteStep, Serving, Severity, Status,
    Token, Upload, VersionCalls, VersionCounts,
};
use vireo::config::AdminListen;
use vireo_store::audit::Who;
use vireo_store::cdr::{Cdr, OpenCall, Outcome, Query};
use vireo_store::deployments::{Action, Change};
use vireo_store::journal::{Entry, Json};
use vireo_store::{Kv, MemoryStore};

pub const TOKEN: &str = "open-sesame";

/// One flow, `demo`; one call, `live-1`; one record, `done-1`.
pub struct Fake {
    pub admission: Mutex<Admission>,
    pub uploads: Mutex<Vec<Upload>>,
    pub queries: Mutex<Vec<Query>>,
    pub questions: Mutex<Vec<RouteQuestion>>,
    acts: Mutex<Vec<AuditEntry>>,
    pub kv: Kv,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Fake {
            admission: Mutex::new(Admission::Open),
            uploads: Mutex::default(),
            queries: Mutex::default(),
            questions: Mutex::default(),
            acts: Mutex::default(),
            kv: Kv::new(Arc::new(MemoryStore::new())),
        })
    }

    fn acted(&self, act: &str, subject: &str, who: Who) {
        let mut acts = self.acts.lock().unwrap();
        let number = acts.len() as u64;
        acts.push(AuditEntry {
            number,
            at_ms: 1_700_000_000_000 + number,
            who: who.into(),
            act: act.to_owned(),
            subject: subject.to_owned(),
            detail: "as asked".to_owned(),
        });
    }

    fn now_status(&self) -> Status {
        Status {
            name: "fake".to_owned(),
            version: "0.1.0".to_owned(),
            started_ms: 1_700_000_000_000,
            admission: *self.admission.lock().unwrap(),
            calls: 1,
            max_calls: 100,
            sip: vec!["udp:127.0.0.1:5060".to_owned()],
            warnings: vec!["the disk is nearly full".to_owned()],
            counters: vec![Counter {
                name: "calls answered".to_owned(),
                value: 7,
            }],
        }
    }
}

fn reply<'a, T: Send + 'a>(result: Result<T, OperationError>) -> Reply<'a, T> {
    Box::pin(std::future::ready(result))
}

fn known(flow: &str) -> Result<(), OperationError> {
    if flow == "demo" {
        Ok(())
    } else {
        Err(OperationError::FlowUnknown(flow.to_owned()))
    }
}

fn counts(calls: u64, failed: u64) -> VersionCounts {
    VersionCounts {
        calls,
        failed,
        apologies: failed,
        early_hangups: 0,
        hurt: failed,
    }
}

fn on_trial() -> CanaryStatus {
    CanaryStatus {
        canary: Canary {
            digest: "dd".repeat(32),
            percent: 5,
            routes: vec!["office".to_owned()],
            callers: Vec::new(),
        },
        counts: counts(10, 2),
        total: counts(12, 3),
        comparisons: vec![RateComparison {
            rate: "failed".to_owned(),
            canary_bad: 2,
            canary_calls: 10,
            version_bad: 0,
            version_calls: 90,
            margin_points: 0.5,
            evidence: 1.9,
            evidence_needed: 300.0,
        }],
        automatic_rollback: true,
        min_calls: 5,
        calls_to_rollback: Some(17),
    }
}

fn live() -> LiveCall {
    LiveCall {
        call_id: "live-1".to_owned(),
        trunk: "local".to_owned(),
        route: "line".to_owned(),
        caller: "1000".to_owned(),
        called: "96122".to_owned(),
        flow: "demo".to_owned(),
        version: "aa".repeat(32),
        received_ms: 1_700_000_000_000,
        answered_ms: None,
        doing: "gather".to_owned(),
    }
}

fn record() -> Cdr {
    let call = OpenCall {
        call_id: "done-1".to_owned(),
        trunk: "local".to_owned(),
        caller: String::new(),
        called: "96122".to_owned(),
        flow: Some("demo".to_owned()),
        received_ms: 1_700_000_000_000,
        answered_ms: Some(1_700_000_000_500),
        ..OpenCall::default()
    };
    Cdr::new(call, 1_700_000_065_500, Outcome::HungUpByCaller)
}

fn journal() -> Vec<Entry> {
    let invite = json!({ "called": "96122", "caller": "1000", "trunk": "local", "source": "127.0.0.1:5062" });
    let request = json!({ "verb": "play", "prompt": [{ "File": "demo/welcome" }] });
    let answer = json!({ "took_ms": 3250, "Ok": { "play-end": "Finished" } });
    vec![
        Entry::event(0, 0, "invite", Json::from(invite)),
        Entry::verb(1, 5, "media.play", Json::from(request), Json::from(answer)),
    ]
}

impl Operations for Fake {
    fn preflight(&self, flow: String, wasm: Bytes) -> Reply<'_, PreflightReport> {
        let finding = |severity, what: &str| Finding {
            severity,
            check: "prompts".to_owned(),
            what: what.to_owned(),
            advice: "record it".to_owned(),
        };
        let mut findings = vec![finding(Severity::Warning, "`menu` may be missing")];
        if wasm.ends_with(b"silent") {
            findings.push(finding(Severity::Failure, "there is no prompt `welcome`"));
        }
        reply(known(&flow).map(|()| PreflightReport {
            flow,
            digest: Some("ab".repeat(32)),
            passed: findings.len() == 1,
            test_calls: 3,
            findings,
        }))
    }

    fn deploy(&self, upload: Upload) -> Reply<'_, DeployReport> {
        if let Err(error) = known(&upload.flow) {
            return reply(Err(error));
        }
        if upload.by.note == "conflict" {
            return reply(Err(OperationError::DeploymentChanged(upload.flow)));
        }
        if upload.by.note == "second" {
            return reply(Err(OperationError::CanaryStands {
                flow: upload.flow,
                digest: "dd".repeat(6),
                percent: 5,
            }));
        }
        if !upload.wasm.starts_with(b"\0asm") {
            let problem = ComponentProblem {
                what: "it is not WebAssembly".to_owned(),
                advice: "build it".to_owned(),
            };
            return reply(Err(OperationError::ComponentRefused(vec![problem])));
        }
        let report = DeployReport {
            flow: upload.flow.clone(),
            digest: "bb".repeat(32),
            previous: Some("aa".repeat(32)),
            canary: upload.canary.as_ref().map(|wish| Serving {
                digest: "dd".repeat(32),
                percent: wish.percent,
            }),
            revision: 2,
            unchanged: self
                .uploads
                .lock()
                .unwrap()
                .iter()
                .any(|earlier| earlier.wasm == upload.wasm),
            calls_on_old_versions: 3,
            took_ms: 12,
            findings: Vec::new(),
        };
        self.uploads.lock().unwrap().push(upload);
        reply(Ok(report))
    }

    fn promote(&self, flow: String, _: Option<u8>, _: By) -> Reply<'_, DeployReport> {
        reply(known(&flow).and(Err(OperationError::NoCanary(flow))))
    }

    fn rollback(&self, flow: String, _: By) -> Reply<'_, DeployReport> {
        reply(known(&flow).and(Err(OperationError::NothingToRollBack(flow))))
    }

    fn flows(&self) -> Reply<'_, Vec<FlowStatus>> {
        reply(Ok(vec![FlowStatus {
            flow: "demo".to_owned(),
            serving: vec![Serving {
                digest: "aa".repeat(32),
                percent: 100,
            }],
            revision: 1,
            deployed_ms: Some(1_700_000_000_000),
            calls: vec![VersionCalls {
                digest: "aa".repeat(32),
                calls: 3,
            }],
            counts: counts(90, 0),
            canary: Some(on_trial()),
            last_canary: None,
        }]))
    }

    fn history(&self, flow: String) -> Reply<'_, Vec<DeploymentChange>> {
        let change = Change {
            revision: 1,
            at_ms: 1_700_000_000_000,
            action: Action::Deploy,
            who: Some(Who::claimed("anna@ops")),
            serving: Vec::new(),
            canary: None,
            note: "first".to_owned(),
            restores: None,
        };
        reply(known(&flow).map(|()| vec![change.into()]))
    }

    fn audit(&self, since_ms: u64, limit: usize) -> Reply<'_, Vec<AuditEntry>> {
        let mut acts = self.acts.lock().unwrap().clone();
        acts.reverse();
        acts.retain(|entry| entry.at_ms >= since_ms);
        acts.truncate(limit);
        reply(Ok(acts))
    }

    fn check(&self, wasm: hyper::body::Bytes) -> Reply<'_, InspectionReport> {
        reply(Ok(InspectionReport {
            digest: "cc".repeat(32),
            size: wasm.len() as u64,
            contract: Some("0.1.0".to_owned()),
            imports: Vec::new(),
            grants: Vec::new(),
            problems: Vec::new(),
        }))
    }

    fn component(&self, digest: String) -> Reply<'_, hyper::body::Bytes> {
        reply(match digest == "aa".repeat(32) {
            true => Ok(hyper::body::Bytes::from_static(b"\0asm")),
            false => Err(OperationError::Invalid("there is no component".to_owned())),
        })
    }

    fn calls(&self) -> Reply<'_, Vec<LiveCall>> {
        reply(Ok(vec![live()]))
    }

    fn call(&self, id: String) -> Reply<'_, (LiveCall, Vec<Entry>)> {
        reply(if id == "live-1" {
            Ok((live(), journal()))
        } else {
            Err(OperationError::CallUnknown(id))
        })
    }

    fn hangup_call(&self, id: String, who: Who) -> Reply<'_, ()> {
        reply(if id == "live-1" {
            self.acted("hangup", &id, who);
            Ok(())
        } else {
            Err(OperationError::CallUnknown(id))
        })
    }

    fn cdrs(&self, query: Query) -> Reply<'_, Vec<Cdr>> {
        self.queries.lock().unwrap().push(query);
        reply(Ok(vec![record()]))
    }

    fn cdr(&self, id: String) -> Reply<'_, (Cdr, Vec<Entry>)> {
        reply(match id.as_str() {
            "done-1" => Ok((record(), journal())),
            "broken" => Err(OperationError::Internal("a bolt is loose".to_owned())),
            _ => Err(OperationError::RecordUnknown(id)),
        })
    }

    fn journals(&self, query: Query, _: usize) -> Reply<'_, Journals> {
        let first = query.before.is_none();
        self.queries.lock().unwrap().push(query);
        let mut second = record();
        second.call.call_id = "done-2".to_owned();
        let call = if first { record() } else { second };
        reply(Ok(Journals {
            calls: vec![(call, journal())],
            more: first,
        }))
    }

    fn route_test(&self, question: RouteQuestion) -> Reply<'_, RouteExplanation> {
        let explanation = RouteExplanation {
            trunk: question.trunk.clone().unwrap_or_else(|| "local".to_owned()),
            called: question.to.clone(),
            caller: question.from.clone(),
            at: question.at.to_string(),
            route: Some("line".to_owned()),
            flow: Some("demo".to_owned()),
            reject: None,
            language: Some("en".to_owned()),
            steps: vec![
                RouteStep {
                    route: "night".to_owned(),
                    matched: false,
                    why: "time: 22:00-06:00".to_owned(),
                },
                RouteStep {
                    route: "line".to_owned(),
                    matched: true,
                    why: "called: 96122".to_owned(),
                },
            ],
        };
        self.questions.lock().unwrap().push(question);
        reply(Ok(explanation))
    }

    fn status(&self) -> Reply<'_, Status> {
        reply(Ok(self.now_status()))
    }

    fn set_admission(&self, admission: Admission, who: Who) -> Reply<'_, Status> {
        self.acted("drain", "", who);
        *self.admission.lock().unwrap() = admission;
        reply(Ok(self.now_status()))
    }

    fn reload(&self, _: Who) -> Reply<'_, ReloadReport> {
        reply(Err(OperationError::ReloadRefused(vec![
            "vireo.toml:3:1: VR0003 unknown key".to_owned(),
        ])))
    }

    fn kv(&self) -> Kv {
        self.kv.clone()
    }

    fn key_changed(&self, change: KeyChange, key: String, who: Who) -> Reply<'_, ()> {
        let act = match change {
            KeyChange::Set => "set-key",
            KeyChange::Deleted => "delete-key",
        };
        self.acted(act, &key, who);
        reply(Ok(()))
    }

    fn readiness(&self) -> Readiness {
        let ready = *self.admission.lock().unwrap() == Admission::Open;
        Readiness {
            ready,
            reason: (!ready).then(|| "draining".to_owned()),
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::gauge(
            "vireo_calls_active",
            "Calls in progress.",
            1.0,
        )]
    }
}

/// A running admin API.
pub struct Server {
    pub address: AdminListen,
    pub fake: Arc<Fake>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start(listen: &str) -> Server {
        let listen: AdminListen = listen.parse().unwrap();
        let server = AdminServer::bind(&listen).await.unwrap();
        let address = server.local_address().map_or(listen, AdminListen::Tcp);
        let fake = Fake::new();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let task =
            tokio::spawn(server.serve(fake.clone(), Token::new(TOKEN), TimeZone::UTC, shutdown));
        Server {
            address,
            fake,
            stop,
            task,
        }
    }

    pub async fn tcp() -> Server {
        Server::start("127.0.0.1:0").await
    }

    pub async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap().unwrap();
    }

    /// One request with the right token.
    pub async fn ask(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Response {
        self.ask_with(
            method,
            path,
            &[("authorization", &format!("Bearer {TOKEN}"))],
            body,
        )
        .await
    }

    /// One request with these headers.
    pub async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "vireo");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        match &self.address {
            AdminListen::Tcp(address) => {
                exchange(
                    tokio::net::TcpStream::connect(address).await.unwrap(),
                    request,
                )
                .await
            }
            AdminListen::Unix(path) => {
                exchange(
                    tokio::net::UnixStream::connect(path).await.unwrap(),
                    request,
                )
                .await
            }
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Response
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    connection.abort();
    Response {
        status: head.status,
        headers: head.headers,
        body,
    }
}

pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Asserts that it is problem details (RFC 9457) of this kind.
    pub fn is_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(
            (self.status.as_u16(), problem["code"].as_str().unwrap()),
            (status, code),
            "{problem}"
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["type"], format!("/errors/{code}"));
        assert_eq!(problem["status"], status);
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty())
        );
        problem
    }
}
