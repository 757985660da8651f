//! SIPp as the generator of load: started on its core, its rate set while it runs, its statistics
//! read from its table.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vireo_tests::{root, sipp};

use crate::error::{BenchError, Context, Result};
use crate::machine::Machine;
use crate::usage::{Usage, now_ns};

/// What is to be called, and how often.
#[derive(Debug, Clone)]
pub struct Load {
    /// `tests/load/<scenario>.xml`.
    pub scenario: &'static str,
    /// The called number.
    pub service: &'static str,
    /// Calls a second at first.
    pub rate: f64,
    /// All calls; `None`: until it is told to end.
    pub calls: Option<u32>,
}

/// One row of SIPp's table; all counts are since its start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    /// When, ns since 1970.
    pub at_ns: i64,
    /// Calls begun.
    pub created: f64,
    /// Calls in progress.
    pub current: f64,
    /// Calls that ended as the scenario says.
    pub successful: f64,
    /// Calls that did not.
    pub failed: f64,
    /// Messages sent again.
    pub retransmissions: f64,
    /// Calls that were admitted and calls that were refused, by the scenario's own counters.
    pub counters: [f64; 2],
}

/// A SIPp that runs. Killed when dropped.
#[derive(Debug)]
pub struct Generator {
    child: Child,
    directory: TempDir,
    control: u16,
}

impl Generator {
    /// Starts it.
    pub fn start(machine: &Machine, server: SocketAddr, load: &Load) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("vireo-bench-")
            .tempdir()
            .context(|| "a directory for SIPp".into())?;
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let control = sipp::free_port(1);
        let starter = machine.generator_starter();
        let mut command = Command::new(&starter[0]);
        command
            .args(&starter[1..])
            .arg("sipp")
            .arg(server.to_string());
        let scenario = root().join(format!("tests/load/{}.xml", load.scenario));
        command.arg("-sf").arg(scenario).args(["-s", load.service]);
        command.args(["-i", "127.0.0.1", "-p", &sipp::free_port(1).to_string()]);
        command.args(["-mi", "127.0.0.1", "-mp", &sipp::free_port(4).to_string()]);
        command.args(["-ci", "127.0.0.1", "-cp", &control.to_string()]);
        command.args([
            "-r",
            &load.rate.to_string(),
            "-l",
            "30000",
            "-timer_resol",
            "1",
        ]);
        if let Some(calls) = load.calls {
            command.args(["-m", &calls.to_string()]);
        }
        command.args([
            "-nostdin",
            // Its own choice, 64 KiB, holds some fifty responses: what a server sends after a moment of
            // other work is dropped there, and comes back as retransmissions of requests it answered.
            "-buff_size",
            "4194304",
            "-trace_stat",
            "-fd",
            "1",
            "-stf",
            &path("stat.csv"),
        ]);
        command.args(["-trace_err", "-error_file", &path("errors")]);
        let child = command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(|| "sipp (Debian package sip-tester; scripts/setup.sh installs it)".into())?;
        let generator = Self {
            child,
            directory,
            control,
        };
        // Before it has begun its table it does not listen for commands either.
        let deadline = Instant::now() + Duration::from_secs(5);
        while generator.rows().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(generator)
    }

    /// Sets the rate, calls a second.
    pub fn set_rate(&self, rate: f64) -> Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0").context(|| "a socket".into())?;
        let text = format!("cset rate {rate:.3}");
        socket
            .send_to(text.as_bytes(), ("127.0.0.1", self.control))
            .context(|| "SIPp's control port".into())?;
        Ok(())
    }

    /// Its table so far.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.directory.path().join("stat.csv"))
    }

    /// What the kernel says of it.
    pub fn usage(&self) -> Option<Usage> {
        Usage::read(self.child.id())
    }

    /// Waits until it ends by itself, and kills it when it does not within `limit`; returns the last
    /// row of its table, with the calls it was killed in as failed.
    pub fn wait(&mut self, limit: Duration) -> Result<Row> {
        let deadline = Instant::now() + limit;
        while self.child.try_wait().context(|| "sipp".into())?.is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut last = self
            .rows()
            .last()
            .copied()
            .ok_or_else(|| BenchError::Run(format!("SIPp did nothing: {}", self.errors())))?;
        last.failed += last.current;
        Ok(last)
    }

    /// Lets it begin no more calls and end those it has; then as [`Generator::wait`].
    pub fn finish(&mut self, limit: Duration) -> Result<Row> {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // SAFETY: a signal to a child that has not been waited for, so its pid is its own.
            unsafe { libc::kill(pid, libc::SIGUSR1) };
        }
        self.wait(limit)
    }

    /// The first of what it complained about.
    pub fn errors(&self) -> String {
        let text = fs::read_to_string(self.directory.path().join("errors")).unwrap_or_default();
        text.chars().take(2_000).collect()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rows(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let head: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
    let column = |name: &str| head.iter().position(|key| *key == name);
    let columns = [
        "TotalCallCreated",
        "CurrentCall",
        "SuccessfulCall(C)",
        "FailedCall(C)",
        "Retransmissions(C)",
        "admitted(C)",
        "refused(C)",
    ]
    .map(column);
    let time = column("CurrentTime");
    lines
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(';').collect();
            let value = |index: usize| -> f64 {
                columns[index]
                    .and_then(|column| cells.get(column)?.parse().ok())
                    .unwrap_or(0.0)
            };
            // Date, time and seconds since 1970 with six places, tabs between.
            let seconds = cells.get(time?)?.rsplit('\t').next()?;
            let (whole, part) = seconds.split_once('.')?;
            let at_ns =
                whole.parse::<i64>().ok()? * 1_000_000_000 + part.parse::<i64>().ok()? * 1_000;
            Some(Row {
                at_ns,
                created: value(0),
                current: value(1),
                successful: value(2),
                failed: value(3),
                retransmissions: value(4),
                counters: [value(5), value(6)],
            })
        })
        .collect()
}

/// What SIPp did between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// Calls: the mean of those begun and those ended.
    pub calls: f64,
    /// Calls at the same time, mean.
    pub concurrent: f64,
    /// Calls that did not end as the scenario says.
    pub failed: f64,
    /// Messages sent again.
    pub retransmissions: f64,
}

impl Part {
    /// From the table; counts are interpolated between its rows.
    pub fn of(rows: &[Row], from_ns: i64, to_ns: i64) -> Self {
        let at = |time: i64, value: fn(&Row) -> f64| interpolate(rows, time, value);
        let between = |value: fn(&Row) -> f64| at(to_ns, value) - at(from_ns, value);
        let inside: Vec<f64> = (rows.iter())
            .filter(|row| (from_ns..=to_ns).contains(&row.at_ns))
            .map(|row| row.current)
            .collect();
        let ended = between(|row| row.successful + row.failed);
        #[allow(clippy::cast_precision_loss)]
        let mean = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
        Self {
            calls: f64::midpoint(between(|row| row.created), ended),
            concurrent: mean,
            failed: between(|row| row.failed),
            retransmissions: between(|row| row.retransmissions),
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn interpolate(rows: &[Row], time: i64, value: fn(&Row) -> f64) -> f64 {
    let after = rows.partition_point(|row| row.at_ns < time);
    match (
        after.checked_sub(1).map(|index| &rows[index]),
        rows.get(after),
    ) {
        (Some(a), Some(b)) => {
            let share = (time - a.at_ns) as f64 / (b.at_ns - a.at_ns).max(1) as f64;
            value(a) + (value(b) - value(a)) * share
        }
        (Some(only), None) | (None, Some(only)) => value(only),
        (None, None) => 0.0,
    }
}

/// Waits until the table has a row later than now, so that a [`Part`] up to now can be read from it.
pub fn settle(generator: &Generator) {
    let now = now_ns();
    let deadline = Instant::now() + Duration::from_millis(2_500);
    while Instant::now() < deadline {
        if generator.rows().last().is_some_and(|row| row.at_ns >= now) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_between_rows_are_interpolated() {
        let row = |at_ns, created, current| Row {
            at_ns,
            created,
            current,
            ..Row::default()
        };
        let rows = [row(0, 0.0, 0.0), row(10, 100.0, 50.0), row(20, 200.0, 60.0)];
        let part = Part::of(&rows, 5, 20);
        assert_eq!((part.calls, part.concurrent), (75.0, 55.0));
        assert_eq!(Part::of(&[], 5, 20).calls, 0.0);
    }
}
