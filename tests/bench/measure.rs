//! One measurement: a server under steady load for some seconds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{BenchError, Result};
use crate::generator::{Generator, Part, settle};
use crate::probe::{Probes, Summary};
use crate::stats::Values;
use crate::subject::Subject;
use crate::usage::Usage;

/// A share of calls or messages that may go wrong before a load counts as too much.
const TOLERATED: f64 = 0.001;
/// Calls may pile up to so much more than was asked for.
const PILE: f64 = 1.15;
/// The 99th percentile of the gaps between packets, ms.
pub const GAP_LIMIT_MS: f64 = 25.0;
/// SIPp's share of its core from which on it is the limit, percent.
const GENERATOR_LIMIT: f64 = 92.0;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Calls at the same time, or calls a second, that were asked for.
    pub asked: f64,
    /// Its length, s.
    pub seconds: f64,
    /// Calls in it, SIPp's and the probes'.
    pub calls: f64,
    /// Calls at the same time, mean.
    pub concurrent: f64,
    /// Calls that did not end as they should.
    pub failed: f64,
    /// SIP messages sent again.
    pub retransmissions: f64,
    /// CPU time of the server, ms, and the kernel's part of it, 0 to 1.
    pub cpu_ms: f64,
    /// See `cpu_ms`.
    pub system_share: f64,
    /// Resident memory at its end, KiB.
    pub rss_kib: u64,
    /// SIPp's CPU use, percent of its core.
    pub generator_percent: f64,
    /// What the probes saw.
    pub probes: Summary,
}

impl Window {
    /// Measures from now on.
    pub fn measure(
        subject: &Subject,
        generator: &Generator,
        probes: &Probes,
        asked: f64,
        length: Duration,
    ) -> Result<Self> {
        let gone = || BenchError::Run("the server has ended".into());
        let before = Usage::read(subject.pid).ok_or_else(gone)?;
        let sipp_before = generator.usage();
        std::thread::sleep(length);
        let after = Usage::read(subject.pid).ok_or_else(gone)?;
        let sipp_after = generator.usage();
        settle(generator);
        let (from, to) = (before.at_ns, after.at_ns);
        let part = Part::of(&generator.rows(), from, to);
        let probes = probes.summary(from, to);
        let seconds = after.seconds_since(&before);
        let probe_seconds = probes.completed.sum();
        #[allow(clippy::cast_precision_loss)]
        let (probe_calls, probe_failed) = (probes.completed.len() as f64, probes.failed as f64);
        Ok(Self {
            asked,
            seconds,
            calls: part.calls + probe_calls,
            concurrent: part.concurrent + probe_seconds / seconds,
            failed: part.failed + probe_failed,
            retransmissions: part.retransmissions + probes.retransmissions,
            cpu_ms: after.cpu_ms_since(&before),
            system_share: after.system_share_since(&before),
            rss_kib: after.rss_kib,
            generator_percent: match (sipp_before, sipp_after) {
                (Some(a), Some(b)) => b.cpu_ms_since(&a) / seconds / 10.0,
                _ => 0.0,
            },
            probes,
        })
    }

    /// CPU time of the server for one call, ms.
    pub fn cpu_ms_per_call(&self) -> f64 {
        self.cpu_ms / self.calls.max(1.0)
    }

    /// Percent of the server's core.
    pub fn core_percent(&self) -> f64 {
        self.cpu_ms / self.seconds.max(0.001) / 10.0
    }

    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.calls / self.seconds.max(0.001)
    }

    /// Resident memory above that of the idle process for each call, KiB.
    #[allow(clippy::cast_precision_loss)]
    pub fn rss_kib_per_call(&self, idle_kib: u64) -> f64 {
        self.rss_kib.saturating_sub(idle_kib) as f64 / self.concurrent.max(1.0)
    }

    /// SIPp had no time left on its core: a failure may be its own.
    pub fn generator_was_the_limit(&self) -> bool {
        self.generator_percent > GENERATOR_LIMIT
    }

    /// What is wrong with it as a load that the server carries; empty: nothing.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.failed > self.calls * TOLERATED {
            faults.push(format!("{:.0} calls failed", self.failed));
        }
        if self.retransmissions > self.calls * TOLERATED {
            faults.push(format!("{:.0} retransmissions", self.retransmissions));
        }
        if self.concurrent > self.asked * PILE + 20.0 {
            faults.push(format!("calls pile up to {:.0}", self.concurrent));
        }
        if self.concurrent < self.asked * 0.9 - 20.0 {
            faults.push(format!("only {:.0} calls", self.concurrent));
        }
        if let Some(gap) = self.probes.gap_ms.at(0.99)
            && gap > GAP_LIMIT_MS
        {
            faults.push(format!("gap p99 {gap:.1} ms"));
        }
        if self.probes.lost > 0.0 {
            faults.push(format!("{:.0} packets lost", self.probes.lost));
        }
        faults
    }

    /// For the report.
    pub fn json(&self, idle_kib: u64) -> Value {
        let probes = &self.probes;
        json!({
            "asked": self.asked,
            "seconds": round(self.seconds),
            "calls": round(self.calls),
            "calls_per_second": round(self.rate()),
            "concurrent": round(self.concurrent),
            "failed": round(self.failed),
            "retransmissions": round(self.retransmissions),
            "cpu_ms_per_call": round(self.cpu_ms_per_call()),
            "core_percent": round(self.core_percent()),
            "system_share": round(self.system_share),
            "rss_mib": self.rss_kib / 1024,
            "rss_kib_per_call": round(self.rss_kib_per_call(idle_kib)),
            "generator_percent": round(self.generator_percent),
            "generator_was_the_limit": self.generator_was_the_limit(),
            "probe_calls": probes.completed.len() + probes.failed,
            "invite_to_200_ms": percentiles(&probes.invite_ms),
            "digit_to_prompt_ms": percentiles(&probes.key_ms),
            "gap_ms": percentiles(&probes.gap_ms),
            "packets": probes.packets,
            "lost_packets": probes.lost,
            "disordered_packets": probes.disorder,
            "faults": self.faults(),
        })
    }
}

/// To three places, so that people can read the report.
pub fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Number of values, and the 50th, 99th and 99.9th percentile; `null` of nothing.
pub fn percentiles(values: &Values) -> Value {
    let at = |share| values.at(share).map(round);
    json!({ "count": values.len(), "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1.0) })
}
