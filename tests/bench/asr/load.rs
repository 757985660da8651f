//! Many callers who speak at the same time, as fast as people do.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::caller::{Heard, Pace, Room, of};
use super::held_out::{HeldOut, Kind};
use crate::bench::Bench;
use crate::error::{BenchError, Result};
use crate::stats::Values;
use crate::usage::{Usage, worker};

/// Callers at the same time that are tried.
const STEPS: [usize; 4] = [50, 100, 200, 400];
/// An answer that comes later after the end of the sound is felt, ms.
const SLOWEST_MS: f64 = 500.0;

/// What so many callers cost, and how it went.
struct Step {
    callers: usize,
    heard: Vec<(bool, Heard)>,
    failed: usize,
    cpu_percent: f64,
    rss_mib: f64,
}

impl Step {
    fn answers(&self) -> Values {
        Values::new(
            self.heard
                .iter()
                .map(|(_, heard)| heard.answer_ms)
                .collect(),
        )
    }

    fn is_good(&self) -> bool {
        self.failed == 0
            && self
                .answers()
                .at(0.99)
                .is_some_and(|late| late <= SLOWEST_MS)
    }

    #[allow(clippy::cast_precision_loss)]
    fn report(&self) -> Value {
        let right = self.heard.iter().filter(|(right, _)| *right).count();
        json!({
            "concurrent": self.callers,
            "recognitions": self.heard.len(),
            "failed": self.failed,
            "right_percent": 100.0 * right as f64 / self.heard.len().max(1) as f64,
            "answer_p50_ms": self.answers().at(0.5),
            "answer_p99_ms": self.answers().at(0.99),
            "worker_core_percent": self.cpu_percent,
            "cpu_percent_per_stream": self.cpu_percent / self.callers as f64,
            "worker_rss_mib": self.rss_mib,
        })
    }
}

/// More and more, until it is too much.
pub async fn run(bench: &Bench, room: &Room, set: &HeldOut) -> Result<Value> {
    let mut steps = Vec::new();
    let tried = if bench.options.quick {
        &STEPS[..1]
    } else {
        &STEPS
    };
    for callers in tried {
        let step = step(
            room,
            set,
            *callers,
            Duration::from_secs(bench.seconds(15, 10)),
        )
        .await?;
        bench.note(&format!("asr: {}", step.report()));
        steps.push(step);
        if steps.last().is_some_and(|step| !step.is_good()) {
            break;
        }
    }
    let Some(first) = steps.first() else {
        return Ok(json!({}));
    };
    let good = steps.iter().filter(|step| step.is_good());
    Ok(json!({
        "cpu_percent_per_stream": first.cpu_percent / STEPS[0] as f64,
        "max_concurrent": good.map(|step| step.callers).max().unwrap_or_default(),
        "answer_p99_ms": first.answers().at(0.99),
        "load": steps.iter().map(Step::report).collect::<Vec<_>>(),
    }))
}

/// So many callers, each with one word after the other.
async fn step(room: &Room, set: &HeldOut, callers: usize, time: Duration) -> Result<Step> {
    let pid = worker(std::process::id(), "vireo-vosk")
        .ok_or_else(|| BenchError::Run("the worker does not run".into()))?;
    let words: Vec<_> = of(set, "clean")
        .map(|said| (said.words.clone(), said.samples.clone()))
        .collect();
    let usage = || Usage::read(pid).ok_or_else(|| BenchError::Run("the worker has ended".into()));
    let (before, end) = (usage()?, Instant::now() + time);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (room, grammar, words) = (room.clone(), set.grammar.clone(), words.clone());
            tokio::spawn(async move {
                let (mut heard, mut failed) = (Vec::new(), 0);
                // They do not all begin in the same moment.
                tokio::time::sleep(Duration::from_millis(caller as u64 * 37 % 1_000)).await;
                for (said, samples) in words.iter().cycle().skip(caller) {
                    match room
                        .clone()
                        .one(grammar.clone(), Kind::Word, samples.clone(), Pace::RealTime)
                        .await
                    {
                        Ok(answer) => heard.push((answer.value.as_ref() == Some(said), answer)),
                        Err(_) => failed += 1,
                    }
                    if Instant::now() >= end {
                        break;
                    }
                }
                (heard, failed)
            })
        })
        .collect();
    let (mut heard, mut failed) = (Vec::new(), 0);
    // The load is even until the first caller stops.
    tokio::time::sleep_until(end).await;
    let after = usage()?;
    for task in tasks {
        let (more, lost) = task
            .await
            .map_err(|error| BenchError::Run(error.to_string()))?;
        heard.extend(more);
        failed += lost;
    }
    Ok(Step {
        callers,
        heard,
        failed,
        cpu_percent: after.cpu_ms_since(&before) / after.seconds_since(&before) / 10.0,
        rss_mib: after.rss_kib as f64 / 1024.0,
    })
}
