//! Replaying calls, one or many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use vireo_host::{Grants, Limits, Outcome, Request, TrapKind, Version};
use vireo_store::journal::Entry;

use crate::comparison::Comparison;
use crate::recorded::{JournalError, Recorded};
use crate::verdict::Verdict;

/// How keys are granted: the name does not matter, for no key is read or written.
const NAMESPACE: &str = "replay";

/// A version, and what a server would give it.
#[derive(Clone, Debug)]
pub struct Replayer {
    /// The version.
    pub version: Arc<Version>,
    /// What it may use; none: keys, and the HTTP hosts and secrets that a journal shows.
    pub grants: Option<Arc<Grants>>,
    /// What one run may use.
    pub limits: Limits,
    /// Values of secrets, which are in no journal.
    pub secrets: Arc<BTreeMap<String, String>>,
}

/// A call to replay.
#[derive(Clone, Debug)]
pub struct Job {
    /// The server's identifier of the call.
    pub call_id: String,
    /// Its journal.
    pub entries: Vec<Entry>,
}

impl Replayer {
    /// Replays a call.
    ///
    /// # Errors
    /// [`JournalError::Answer`]: the journal has an answer that the verb cannot have.
    pub async fn replay(&self, recorded: Recorded) -> Result<Verdict, JournalError> {
        let grants = self.grants.clone();
        let grants = grants.unwrap_or_else(|| Arc::new(self.shown(&recorded)));
        let comparison = Comparison::new(recorded, Arc::clone(&self.secrets));
        let (outcome, comparison, _) = self
            .version
            .run(comparison, grants, self.limits.clone())
            .await;
        match &outcome {
            Outcome::Trapped(trap) if trap.kind == TrapKind::Host => {
                Err(JournalError::Answer(trap.message.clone()))
            }
            outcome => Ok(comparison.judge(outcome)),
        }
    }

    /// Replays calls on so many threads. What comes back is in the order of the calls; `flow` is the
    /// flow whose run in them is meant, the first when absent.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn replay_all(
        &self,
        jobs: &[Job],
        flow: Option<&str>,
        threads: usize,
    ) -> std::io::Result<Vec<Result<Verdict, JournalError>>> {
        let next = AtomicUsize::new(0);
        let work = || -> std::io::Result<Vec<(usize, Result<Verdict, JournalError>)>> {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let mut verdicts = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else {
                    return Ok(verdicts);
                };
                let verdict = Recorded::read(&job.entries, flow)
                    .and_then(|recorded| runtime.block_on(self.replay(recorded)));
                verdicts.push((at, verdict));
            }
        };
        let mut verdicts = std::thread::scope(|scope| -> std::io::Result<Vec<_>> {
            let threads: Vec<_> = (0..threads.clamp(1, jobs.len().max(1)))
                .map(|_| scope.spawn(work))
                .collect();
            let mut all = Vec::with_capacity(jobs.len());
            for thread in threads {
                match thread.join() {
                    Ok(verdicts) => all.extend(verdicts?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(all)
        })?;
        verdicts.sort_by_key(|(at, _)| *at);
        Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
    }

    /// What the recorded run was granted, as far as its journal shows it.
    fn shown(&self, recorded: &Recorded) -> Grants {
        let mut grants = Grants {
            kv: Some(NAMESPACE.to_owned()),
            secrets: self.secrets.keys().cloned().collect(),
            ..Grants::default()
        };
        for asked in &recorded.asked {
            match &asked.request {
                Request::HttpSend(sent) => grants.http.push(host(&sent.url).to_owned()),
                Request::Secret { name } => grants.secrets.push(name.clone()),
                _ => {}
            }
        }
        grants
    }
}

/// Host and port of a URL that was checked when it was recorded.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &rest[..end]
}
