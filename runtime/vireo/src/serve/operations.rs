//! The admin API's operations on the running server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use vireo_call::deploy::{CanaryOrder, DeployError, Deployed, Order};
use vireo_call::route::{Action, Query as RouteQuery, Step};
use vireo_call::{Command, Runtime};
use vireo_host::Version;
use vireo_sip::stack::Stack;
use vireo_store::Kv;
use vireo_store::audit::{Act, Entry as AuditEntry, Who};
use vireo_store::cdr::{Cdr, Query};
use vireo_store::journal::{Entry, Kind};

use super::preflight::Preflight;
use super::{ServeError, build, flows, metrics};
use crate::admin::{
    self, Admission, By, Counter, DeployReport, DeploymentChange, FlowStatus, InspectionReport,
    Journals, KeyChange, LiveCall, Metric, OperationError, Operations, PreflightReport, Readiness,
    ReloadReport, Reply, RouteExplanation, RouteQuestion, RouteStep, Status, Upload,
};
use crate::check;
use crate::config::Config;
use crate::recognition;
use crate::speech::Voices;

/// The running server, as the admin API sees it.
pub(super) struct LiveOperations {
    runtime: Arc<Runtime>,
    stack: Arc<Stack>,
    voices: Arc<Voices>,
    config: Mutex<Config>,
    file: PathBuf,
    started_ms: u64,
    admission: Mutex<Admission>,
    /// What the last preflight compiled: the deploy that follows it needs it.
    looked_at: Mutex<Option<Arc<Version>>>,
}

fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveOperations {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        stack: Arc<Stack>,
        voices: Arc<Voices>,
        config: Config,
        file: PathBuf,
    ) -> Self {
        Self {
            runtime,
            stack,
            voices,
            config: Mutex::new(config),
            file,
            started_ms: now_ms(),
            admission: Mutex::new(Admission::Open),
            looked_at: Mutex::default(),
        }
    }

    async fn look_at(&self, flow: String, wasm: Bytes) -> Result<PreflightReport, OperationError> {
        let config = lock(&self.config).clone();
        let Some(found) = config.flows.get(&flow).cloned() else {
            return Err(OperationError::FlowUnknown(flow));
        };
        let preflight = Preflight {
            name: flow,
            flow: found,
            config,
            host: self.runtime.host().clone(),
            recognizers: self.runtime.recognizers().cloned(),
            wasm,
        };
        let (report, version) = preflight.run().await?;
        *lock(&self.looked_at) = version;
        Ok(report)
    }

    /// Says everywhere that no new call is taken.
    pub(super) fn drain(&self) {
        *lock(&self.admission) = Admission::Draining;
    }

    /// Reads the configuration file again. Either all of it that needs no restart holds
    /// afterwards, or nothing has changed.
    fn reload_file(&self) -> Result<ReloadReport, ServeError> {
        let new = Config::load(&self.file)?;
        let mut config = lock(&self.config);
        let report = difference(&config, &new);
        let next = in_force(&config, new);
        let settings = build::settings(&next)?;
        let trunks = build::trunks(&next)?;
        self.runtime.set_settings(settings);
        self.stack.set_trunks(trunks);
        *config = next;
        Ok(report)
    }

    fn deployed(
        &self,
        deployed: Result<Deployed, DeployError>,
        began: Instant,
    ) -> Result<DeployReport, OperationError> {
        let deployed = deployed.map_err(flows::refusal)?;
        Ok(flows::report(deployed, &self.runtime.live().list(), began))
    }

    /// Writes something that was done into the audit log. That it cannot be written undoes nothing.
    async fn record(&self, act: Act, who: Who, subject: String, detail: String) {
        let entry = AuditEntry {
            at_ms: now_ms(),
            who,
            act,
            subject,
            detail,
        };
        let deployer = Arc::clone(self.runtime.deployer());
        if let Err(error) = blocking(move || Ok(deployer.audit().add(entry)?)).await {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }

    /// Reads the configuration file again for somebody.
    pub(super) async fn reload_for(&self, who: Who) -> Result<ReloadReport, ServeError> {
        let report = self.reload_file()?;
        let detail = match report.changed.is_empty() {
            true => "nothing has changed".to_owned(),
            false => format!("changed: {}", report.changed.join(", ")),
        };
        self.record(Act::Reload, who, String::new(), detail).await;
        let (voices, flows) = (Arc::clone(&self.voices), lock(&self.config).flows.clone());
        let recognizers = self.runtime.recognizers().cloned();
        tokio::spawn(async move {
            recognition::check(recognizers, flows.clone()).await;
            voices.prefetch(&flows).await;
        });
        Ok(report)
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.runtime.recorder().counters().failed > 0 {
            warnings.push(
                "recordings have failed since the start: look for \"recording\" in the log"
                    .to_owned(),
            );
        }
        if self.voices.speech.counters().failed > 0 {
            let failed =
                "texts could not be spoken since the start: look for \"spoken\" in the log";
            warnings.push(failed.to_owned());
        }
        let shed = self.stack.counters().shed_thousandths;
        if shed > 0 {
            warnings.push(format!(
                "the server is late, and refuses {} % of new calls with 503: look for \"late\" in the log",
                shed.div_ceil(10)
            ));
        }
        if self.runtime.journal_entries_dropped() > 0 {
            warnings.push("journal entries were lost: the disk does not keep up".to_owned());
        }
        if let Ok(flows) = self.runtime.deployer().flows(&[]) {
            let routes = &self.runtime.settings().routes;
            warnings.extend(flows.iter().flat_map(|flow| flows::lost(flow, routes)));
            let empty = flows.iter().filter(|flow| flow.serving.is_empty());
            warnings.extend(empty.map(|flow| {
                format!(
                    "flow {0} has no component: `vireo flow deploy {0} FILE`",
                    flow.flow
                )
            }));
        }
        warnings
    }

    fn status_now(&self) -> Status {
        let counters = self.stack.counters();
        let config = lock(&self.config);
        Status {
            name: config.server.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: self.started_ms,
            admission: *lock(&self.admission),
            calls: u32::try_from(self.runtime.live().len()).unwrap_or(u32::MAX),
            max_calls: config.sip.max_calls,
            sip: (self.stack.local_addresses().iter())
                .map(|listen| format!("{}:{}", listen.protocol, listen.address))
                .collect(),
            warnings: self.warnings(),
            counters: metrics::counts(&counters)
                .into_iter()
                .map(|(name, value)| Counter {
                    name: name.to_owned(),
                    value,
                })
                .collect(),
        }
    }

    fn live_call(call: vireo_call::LiveCall) -> LiveCall {
        LiveCall {
            call_id: call.call_id,
            trunk: call.trunk,
            route: call.route,
            caller: call.caller,
            called: call.called,
            flow: call.flow,
            version: call.version,
            received_ms: call.started_at,
            answered_ms: call.answered_at,
            doing: call.doing,
        }
    }

    fn explain(&self, question: &RouteQuestion) -> Result<RouteExplanation, OperationError> {
        let settings = self.runtime.settings();
        let trunks: Vec<String> = lock(&self.config).trunks.keys().cloned().collect();
        let trunk = match &question.trunk {
            Some(trunk) if trunks.contains(trunk) => trunk.clone(),
            Some(trunk) => {
                return Err(OperationError::Invalid(format!(
                    "there is no trunk `{trunk}`"
                )));
            }
            None => match trunks.as_slice() {
                [only] => only.clone(),
                _ => {
                    return Err(OperationError::Invalid(format!(
                        "which trunk? one of: {}",
                        trunks.join(", ")
                    )));
                }
            },
        };
        let normalise = |number: &str| match settings.normalizers.get(&trunk) {
            Some(normalizer) => normalizer.normalize(number),
            None => number.to_owned(),
        };
        let (called, caller) = (normalise(&question.to), normalise(&question.from));
        let decision = settings.routes.decide(&RouteQuery {
            trunk: &trunk,
            called: &called,
            caller: &caller,
            at: question.at,
        });
        let steps = decision.why.iter().map(|step| RouteStep {
            route: step.route.to_string(),
            matched: step.matched,
            why: reasons(step),
        });
        let (flow, language, reject) = match &decision.action {
            Action::Flow { name, language, .. } => {
                (Some(name.to_string()), Some(language.to_string()), None)
            }
            Action::Reject { status, .. } => (None, None, Some(*status)),
            _ => (None, None, None),
        };
        Ok(RouteExplanation {
            at: question
                .at
                .to_zoned(settings.time_zone.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%:z[%Q]")
                .to_string(),
            route: decision.route_name().map(ToOwned::to_owned),
            steps: steps.collect(),
            trunk,
            called,
            caller,
            flow,
            reject,
            language,
        })
    }
}

/// Why a route did or did not match: the condition that failed, or those that held.
fn reasons(step: &Step) -> String {
    let failed = step.checks.iter().find(|check| !check.held);
    match failed {
        Some(check) => format!("{} is not {}", check.condition, check.wanted),
        None if step.checks.is_empty() => "it has no condition".to_owned(),
        None => {
            let held = step
                .checks
                .iter()
                .map(|check| format!("{} is {}", check.condition, check.wanted));
            held.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What holds after a reload: what takes a restart stays as it is, and is told again next time.
fn in_force(old: &Config, new: Config) -> Config {
    Config {
        server: old.server.clone(),
        sip: crate::config::Sip {
            unknown_peer: new.sip.unknown_peer,
            ..old.sip.clone()
        },
        media: old.media.clone(),
        prompts: old.prompts.clone(),
        recordings: old.recordings.clone(),
        admin: old.admin.clone(),
        tts: old.tts.clone(),
        asr: old.asr.clone(),
        ..new
    }
}

/// What a reload changes, and what it cannot.
fn difference(old: &Config, new: &Config) -> ReloadReport {
    let mut report = ReloadReport::default();
    let mut changed = |what: &str, differs: bool| {
        if differs {
            report.changed.push(what.to_owned());
        }
    };
    changed(
        "routes",
        old.routes != new.routes || old.calendars != new.calendars,
    );
    changed("flows", old.flows != new.flows || old.limits != new.limits);
    changed("caller lists", old.caller_lists != new.caller_lists);
    changed("canary", old.canary != new.canary);
    changed(
        "trunks",
        old.trunks != new.trunks || old.sip.unknown_peer != new.sip.unknown_peer,
    );
    let mut restart = |what: &str, differs: bool| {
        if differs {
            report.needs_restart.push(what.to_owned());
        }
    };
    restart("[server]", old.server != new.server);
    restart(
        "[sip] (except unknown-peer)",
        crate::config::Sip {
            unknown_peer: new.sip.unknown_peer,
            ..old.sip.clone()
        } != new.sip,
    );
    restart("[media]", old.media != new.media);
    restart("[prompts]", old.prompts != new.prompts);
    restart("[tts]", old.tts != new.tts);
    restart("[asr]", old.asr != new.asr);
    restart("[recordings]", old.recordings != new.recordings);
    restart("[admin]", old.admin != new.admin);
    report
}

/// About the bytes that an entry takes as JSON.
fn entry_size(entry: &Entry) -> usize {
    const AROUND: usize = 64;
    AROUND
        + match &entry.kind {
            Kind::Verb { request, reply, .. } => request.get().len() + reply.get().len(),
            Kind::Event { detail, .. } => detail.get().len(),
            _ => 0,
        }
}

/// Runs what reads the disk where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OperationError> + Send + 'static,
) -> Result<T, OperationError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(OperationError::Internal(error.to_string())))
}

impl Operations for LiveOperations {
    fn preflight(&self, flow: String, wasm: Bytes) -> Reply<'_, PreflightReport> {
        Box::pin(self.look_at(flow, wasm))
    }

    fn deploy(&self, upload: Upload) -> Reply<'_, DeployReport> {
        Box::pin(async move {
            let began = Instant::now();
            // Held until the end: as long as it lives, the same bytes are not compiled again.
            let _looked_at = lock(&self.looked_at).take();
            let order = Order {
                flow: upload.flow,
                canary: upload.canary.map(|wish| CanaryOrder {
                    percent: wish.percent,
                    routes: wish.routes,
                    callers: wish.callers,
                }),
                who: upload.by.who,
                note: upload.by.note,
            };
            let deployed = self.runtime.deployer().deploy(order, upload.wasm.to_vec());
            self.deployed(deployed.await, began)
        })
    }

    fn promote(&self, flow: String, percent: Option<u8>, by: By) -> Reply<'_, DeployReport> {
        Box::pin(async move {
            let began = Instant::now();
            let deployer = self.runtime.deployer();
            let deployed = deployer.promote(&flow, percent, by.who, &by.note).await;
            self.deployed(deployed, began)
        })
    }

    fn rollback(&self, flow: String, by: By) -> Reply<'_, DeployReport> {
        Box::pin(async move {
            let began = Instant::now();
            let deployer = self.runtime.deployer();
            let deployed = deployer.rollback(&flow, by.who, &by.note).await;
            self.deployed(deployed, began)
        })
    }

    fn flows(&self) -> Reply<'_, Vec<FlowStatus>> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let (deployer, live) = (runtime.deployer(), runtime.live().list());
            let flows = deployer.flows(&live).map_err(flows::refusal)?;
            flows
                .into_iter()
                .map(|flow| {
                    // One that is deployed and no longer configured has a history nobody may ask for.
                    let changed = deployer.history(&flow.flow, 1).unwrap_or_default();
                    Ok(flows::status(flow, changed.first()))
                })
                .collect()
        }))
    }

    fn audit(&self, since_ms: u64, limit: usize) -> Reply<'_, Vec<admin::AuditEntry>> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let entries = runtime.deployer().audit().list(since_ms, limit)?;
            let shown = |(number, entry)| admin::AuditEntry::of(number, entry);
            Ok(entries.into_iter().map(shown).collect())
        }))
    }

    fn history(&self, flow: String) -> Reply<'_, Vec<DeploymentChange>> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let changes = runtime.deployer().history(&flow, 1000);
            let changes = changes.map_err(flows::refusal)?;
            Ok(changes.into_iter().map(DeploymentChange::from).collect())
        }))
    }

    fn check(&self, wasm: Bytes) -> Reply<'_, InspectionReport> {
        Box::pin(async move {
            let inspection = self.runtime.deployer().inspect(wasm.to_vec()).await;
            Ok(check::report(inspection.map_err(flows::refusal)?))
        })
    }

    fn component(&self, digest: String) -> Reply<'_, Bytes> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let unknown = || OperationError::Invalid(format!("there is no component `{digest}`"));
            let parsed = digest.parse().map_err(|_| unknown())?;
            let wasm = runtime
                .deployer()
                .component(parsed)
                .map_err(flows::refusal)?;
            wasm.map(Bytes::from).ok_or_else(unknown)
        }))
    }

    fn calls(&self) -> Reply<'_, Vec<LiveCall>> {
        let calls = self
            .runtime
            .live()
            .list()
            .into_iter()
            .map(Self::live_call)
            .collect();
        Box::pin(std::future::ready(Ok(calls)))
    }

    fn call(&self, id: String) -> Reply<'_, (LiveCall, Vec<Entry>)> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let call = runtime
                .live()
                .get(&id)
                .ok_or_else(|| OperationError::CallUnknown(id.clone()))?;
            Ok((Self::live_call(call), runtime.journal().read(&id)?))
        }))
    }

    fn hangup_call(&self, id: String, who: Who) -> Reply<'_, ()> {
        Box::pin(async move {
            let live = self.runtime.live();
            let flow = live.get(&id).map(|call| call.flow).unwrap_or_default();
            if !live.command(&id, Command::Hangup) {
                return Err(OperationError::CallUnknown(id));
            }
            self.record(Act::Hangup, who, id, format!("flow {flow}"))
                .await;
            Ok(())
        })
    }

    fn cdrs(&self, query: Query) -> Reply<'_, Vec<Cdr>> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || Ok(runtime.cdrs().list(&query)?)))
    }

    fn cdr(&self, id: String) -> Reply<'_, (Cdr, Vec<Entry>)> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let cdr = runtime
                .cdrs()
                .get(&id)?
                .ok_or_else(|| OperationError::RecordUnknown(id.clone()))?;
            Ok((cdr, runtime.journal().read(&id)?))
        }))
    }

    fn journals(&self, query: Query, bytes: usize) -> Reply<'_, Journals> {
        let runtime = Arc::clone(&self.runtime);
        Box::pin(blocking(move || {
            let records = runtime.cdrs().list(&query)?;
            let mut more = records.len() == query.limit;
            let mut calls = Vec::with_capacity(records.len());
            let mut size = 0;
            for record in records {
                if size >= bytes {
                    more = true;
                    break;
                }
                let entries = runtime.journal().read(&record.call.call_id)?;
                size += entries.iter().map(entry_size).sum::<usize>();
                calls.push((record, entries));
            }
            Ok(Journals { calls, more })
        }))
    }

    fn route_test(&self, question: RouteQuestion) -> Reply<'_, RouteExplanation> {
        Box::pin(std::future::ready(self.explain(&question)))
    }

    fn status(&self) -> Reply<'_, Status> {
        Box::pin(std::future::ready(Ok(self.status_now())))
    }

    fn set_admission(&self, admission: Admission, who: Who) -> Reply<'_, Status> {
        *lock(&self.admission) = admission;
        let act = match admission {
            Admission::Open => {
                self.stack.open();
                Act::Open
            }
            Admission::Draining => {
                self.stack.drain();
                Act::Drain
            }
        };
        Box::pin(async move {
            self.record(act, who, String::new(), String::new()).await;
            Ok(self.status_now())
        })
    }

    fn reload(&self, who: Who) -> Reply<'_, ReloadReport> {
        Box::pin(async move {
            self.reload_for(who).await.map_err(|error| {
                OperationError::ReloadRefused(
                    error.to_string().lines().map(ToOwned::to_owned).collect(),
                )
            })
        })
    }

    fn kv(&self) -> Kv {
        self.runtime.kv().clone()
    }

    fn key_changed(&self, change: KeyChange, key: String, who: Who) -> Reply<'_, ()> {
        let act = match change {
            KeyChange::Set => Act::SetKey,
            KeyChange::Deleted => Act::DeleteKey,
        };
        Box::pin(async move {
            self.record(act, who, key, String::new()).await;
            Ok(())
        })
    }

    fn readiness(&self) -> Readiness {
        match *lock(&self.admission) {
            Admission::Open => Readiness {
                ready: true,
                reason: None,
            },
            Admission::Draining => Readiness {
                ready: false,
                reason: Some("draining".to_owned()),
            },
        }
    }

    fn metrics(&self) -> Vec<Metric> {
        metrics::all(&self.runtime, &self.stack, &self.voices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_restart_stays_and_is_told_until_then() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("prompts")).unwrap();
        let file = directory.path().join("vireo.toml");
        let config = |text| Config::parse(&file, text).unwrap();
        let old = config("");
        let new = config(
            "[sip]\nmax-calls = 7\nunknown-peer = \"forbid\"\n[media]\nptime-ms = 40\n[flows.a]\n",
        );
        for changed in [&["flows", "trunks"][..], &[]] {
            let before = if changed.is_empty() {
                in_force(&old, new.clone())
            } else {
                old.clone()
            };
            let report = difference(&before, &new);
            assert_eq!(report.changed, changed);
            assert_eq!(
                report.needs_restart,
                ["[sip] (except unknown-peer)", "[media]"]
            );
        }
        let next = in_force(&old, new.clone());
        assert_eq!(
            (&next.media, next.sip.max_calls),
            (&old.media, old.sip.max_calls)
        );
        assert_eq!(next.sip.unknown_peer, new.sip.unknown_peer);
        assert!(next.flows.contains_key("a"));
    }
}
